//! Groups of recorders: of which recorders some are enough for a call.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::config::{self, RECORDERS_MAX};
use crate::control::request::Name;

/// A group as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// At most 64 characters.
    pub name: Name,
    /// Identifiers of recorders, in the order in which they are taken.
    pub members: Vec<Name>,
    #[serde(default)]
    pub mode: Mode,
    /// To how many members at once a call is recorded; to one where it is absent, and to every one
    /// where the mode is `all`.
    pub count: Option<usize>,
}

/// Which members of a group a call is recorded to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Every one.
    All,
    /// The first that work.
    #[default]
    Hunt,
    /// As `hunt`, but each call begins with another member.
    RoundRobin,
}

/// A group with its members' places among the recorders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: Name,
    pub members: Vec<usize>,
    pub mode: Mode,
    pub count: usize,
}

impl Group {
    /// From its part of a configuration that was checked.
    pub fn new(config: &GroupConfig, recorders: &[config::Recorder]) -> Self {
        let place = |id: &Name| recorders.iter().position(|recorder| recorder.id == *id);
        Self {
            name: config.name.clone(),
            members: config.members.iter().filter_map(place).collect(),
            mode: config.mode,
            count: config.count(),
        }
    }

    /// The members in the order in which the call of this number takes them.
    pub fn order(&self, call: u64) -> Vec<usize> {
        let mut order = self.members.clone();
        if self.mode == Mode::RoundRobin && !order.is_empty() {
            let first = call % order.len() as u64;
            order.rotate_left(first as usize);
        }
        order
    }
}

impl GroupConfig {
    /// To how many members at once a call is recorded.
    pub fn count(&self) -> usize {
        match self.mode {
            Mode::All => self.members.len(),
            Mode::Hunt | Mode::RoundRobin => self.count.unwrap_or(1),
        }
    }

    fn check(&self, recorders: &[config::Recorder], findings: &mut Vec<String>) {
        let at = format!("group {}", self.name);
        if self.name.as_str().len() > 64 {
            findings.push(format!("{at}: name: it is longer than 64 characters"));
        }
        if self.members.is_empty() {
            findings.push(format!(
                "{at}: members: the list is empty: name at least one"
            ));
        }
        for member in &self.members {
            if !recorders.iter().any(|recorder| recorder.id == *member) {
                findings.push(format!(
                    "{at}: members: there is no recorder {member}: name one that is configured"
                ));
            }
        }
        let most = self.members.len();
        match (self.mode, self.count) {
            (Mode::All, Some(count)) if count != most => findings.push(format!(
                "{at}: count: {count} is not all of the {most} members: leave it out, or set mode \
                 = \"hunt\""
            )),
            (Mode::Hunt | Mode::RoundRobin, Some(count)) if count == 0 || count > most => {
                findings.push(format!("{at}: count: {count} is not 1 to {most}"));
            }
            (Mode::All | Mode::Hunt | Mode::RoundRobin, _) => {}
        }
    }
}

/// What is wrong with the groups of a configuration, one finding each.
pub(crate) fn check(
    groups: &[GroupConfig],
    recorders: &[config::Recorder],
    findings: &mut Vec<String>,
) {
    let (mut names, mut members) = (BTreeSet::new(), BTreeSet::new());
    for group in groups {
        if !names.insert(&group.name) {
            let name = &group.name;
            findings.push(format!(
                "group {name}: the name is used twice: names must differ"
            ));
        }
        for member in &group.members {
            if !members.insert(member) {
                findings.push(format!(
                    "group {}: members: recorder {member} is named twice: a recorder belongs to \
                     one group at most, and once",
                    group.name
                ));
            }
        }
        group.check(recorders, findings);
    }
    let alone = recorders
        .iter()
        .filter(|recorder| !members.contains(&recorder.id));
    let at_once = alone.count() + groups.iter().map(GroupConfig::count).sum::<usize>();
    if at_once > RECORDERS_MAX {
        findings.push(format!(
            "recorder: each call would be recorded to {at_once} at once, and {RECORDERS_MAX} is \
             the most: remove some, or make a [[group]] of those that stand in for each other"
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    use super::*;

    fn config(recorders: usize, groups: &str) -> Result<Config, String> {
        let mut text =
            "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n".to_owned();
        for number in 0..recorders {
            text +=
                &format!("[[recorder]]\nid = \"r{number}\"\nuri = \"sip:r@192.0.2.{number}\"\n");
        }
        Config::parse(&(text + groups)).map_err(|error| error.to_string())
    }

    #[test]
    fn more_recorders_than_one_call_has_may_stand_by() {
        let error = config(7, "").unwrap_err();
        assert!(error.contains("recorded to 7 at once"), "{error}");
        let members = "members = [\"r6\", \"r0\", \"r1\"]";
        let config = config(7, &format!("[[group]]\nname = \"g\"\n{members}\n")).unwrap();
        let group = Group::new(&config.groups[0], &config.recorders);
        assert_eq!((group.count, group.mode), (1, Mode::Hunt));
        assert_eq!(group.order(1), [6, 0, 1]);
    }

    #[test]
    fn round_robin_begins_elsewhere_for_each_call() {
        let group = "[[group]]\nname = \"g\"\nmembers = [\"r0\", \"r1\", \"r2\"]\n\
                     mode = \"round-robin\"\ncount = 2\n";
        let config = config(3, group).unwrap();
        let group = Group::new(&config.groups[0], &config.recorders);
        assert_eq!(group.order(1), [1, 2, 0]);
        assert_eq!(group.order(2), [2, 0, 1]);
        assert_eq!(group.order(3), [0, 1, 2]);
    }

    #[test]
    fn what_is_wrong_with_a_group_is_named() {
        let group = |rest: &str| format!("[[group]]\nname = \"g\"\n{rest}\n");
        for (groups, why) in [
            (group("members = []"), "the list is empty"),
            (group("members = [\"x\"]"), "there is no recorder x"),
            (group("members = [\"r0\", \"r0\"]"), "r0 is named twice"),
            (group("members = [\"r0\"]\ncount = 2"), "2 is not 1 to 1"),
            (group("members = [\"r0\"]\ncount = 0"), "0 is not 1 to 1"),
            (
                group("members = [\"r0\", \"r1\"]\nmode = \"all\"\ncount = 1"),
                "1 is not all of the 2",
            ),
            (
                group("members = [\"r0\"]").repeat(2),
                "the name is used twice",
            ),
        ] {
            let error = config(2, &groups).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
