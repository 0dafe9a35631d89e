//! New facts by JSON merge patch (RFC 7396), as typed requests.

use serde::{Deserialize, Deserializer};

use super::request::{
    CallFacts, CodecName, ParticipantFacts, ParticipantState, Party, Priority, Security,
};

/// What a merge patch says about one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It is absent: the field stays.
    #[default]
    Keep,
    /// It is `null`: the field takes its default.
    Clear,
    /// It has a value: the field takes it.
    Set(T),
}

/// New facts of a call. `console_id` cannot be cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallPatch {
    #[serde(deserialize_with = "never_null")]
    pub console_id: Option<String>,
    pub user: Change<String>,
    pub calling: Change<PartyPatch>,
    /// A list is replaced as a whole.
    pub called: Change<Vec<Party>>,
    pub codec: Change<CodecName>,
    pub security: Change<Security>,
    pub priority: Change<Priority>,
    pub lease_s: Change<u32>,
}

/// New facts of the party who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartyPatch {
    pub name: Change<String>,
    pub number: Change<String>,
}

/// New facts of a participant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParticipantPatch {
    pub name: Change<String>,
    pub number: Change<String>,
    pub aor: Change<String>,
    pub state: Change<ParticipantState>,
}

impl CallPatch {
    /// Changes `facts` as the patch says.
    pub fn apply(self, facts: &mut CallFacts) {
        if let Some(console_id) = self.console_id {
            facts.console_id = console_id;
        }
        self.user.apply_to_option(&mut facts.user);
        match self.calling {
            Change::Keep => {}
            Change::Clear => facts.calling = Party::default(),
            Change::Set(patch) => patch.apply(&mut facts.calling),
        }
        self.called.apply(&mut facts.called);
        self.codec.apply(&mut facts.codec);
        self.security.apply(&mut facts.security);
        self.priority.apply(&mut facts.priority);
        self.lease_s.apply_to_option(&mut facts.lease_s);
    }
}

impl PartyPatch {
    fn apply(self, party: &mut Party) {
        self.name.apply_to_option(&mut party.name);
        self.number.apply_to_option(&mut party.number);
    }
}

impl ParticipantPatch {
    /// Changes `facts` as the patch says.
    pub fn apply(self, facts: &mut ParticipantFacts) {
        self.name.apply_to_option(&mut facts.name);
        self.number.apply_to_option(&mut facts.number);
        self.aor.apply_to_option(&mut facts.aor);
        self.state.apply(&mut facts.state);
    }
}

impl<T> Change<T> {
    /// The new value, where there is one.
    pub(super) const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    fn apply_to_option(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

impl<T: Default> Change<T> {
    fn apply(self, field: &mut T) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = T::default(),
            Self::Set(value) => *field = value,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

fn never_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The algorithm of RFC 7396 §2.
    fn merge(target: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let fields = target.as_object_mut().expect("made an object above");
        for (name, value) in patch {
            if value.is_null() {
                fields.remove(name);
            } else {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
    }

    /// One of `values`, or no field at all.
    fn field(name: &'static str, values: Vec<Value>) -> impl Strategy<Value = Value> {
        let present = prop::sample::select(values).prop_map(move |value| json!({ name: value }));
        prop_oneof![Just(json!({})), present]
    }

    fn object(fields: Vec<BoxedStrategy<Value>>) -> impl Strategy<Value = Value> {
        fields.prop_map(|parts| {
            let mut whole = json!({});
            for part in parts {
                for (name, value) in part.as_object().expect("fields are objects") {
                    whole[name] = value.clone();
                }
            }
            whole
        })
    }

    fn parties() -> Vec<Value> {
        vec![
            json!({}),
            json!({ "name": "A" }),
            json!({ "number": "1" }),
            json!({ "name": "B", "number": "2" }),
        ]
    }

    fn facts() -> impl Strategy<Value = Value> {
        object(vec![
            Just(json!({ "console_id": "c1" })).boxed(),
            field("user", vec![json!("u"), json!("")]).boxed(),
            field("calling", parties()).boxed(),
            field("called", vec![json!([]), json!(parties())]).boxed(),
            field("codec", vec![json!("PCMU"), json!("PCMA")]).boxed(),
            field("security", vec![json!("none"), json!("secure")]).boxed(),
            field("priority", vec![json!("urgent")]).boxed(),
            field("lease_s", vec![json!(5), json!(60)]).boxed(),
        ])
    }

    fn patch() -> impl Strategy<Value = Value> {
        let mut calling = parties();
        calling.extend([
            json!(null),
            json!({ "name": null }),
            json!({ "number": null }),
        ]);
        object(vec![
            field("console_id", vec![json!("c2")]).boxed(),
            field("user", vec![json!("v"), json!(null)]).boxed(),
            field("calling", calling).boxed(),
            field("called", vec![json!([{ "name": "Z" }]), json!(null)]).boxed(),
            field("codec", vec![json!("PCMA"), json!(null)]).boxed(),
            field("security", vec![json!("secure"), json!(null)]).boxed(),
            field("priority", vec![json!("emergency"), json!(null)]).boxed(),
            field("lease_s", vec![json!(7), json!(null)]).boxed(),
        ])
    }

    proptest! {
        #[test]
        fn a_patch_does_what_rfc_7396_says(facts in facts(), patch in patch()) {
            let mut typed: CallFacts = serde_json::from_value(facts.clone()).unwrap();
            serde_json::from_value::<CallPatch>(patch.clone()).unwrap().apply(&mut typed);
            let mut merged = facts;
            merge(&mut merged, &patch);
            prop_assert_eq!(typed, serde_json::from_value::<CallFacts>(merged).unwrap());
        }
    }

    #[test]
    fn a_participant_is_patched_field_by_field() {
        let mut facts = ParticipantFacts {
            name: Some("A".to_owned()),
            number: Some("1".to_owned()),
            aor: None,
            state: ParticipantState::Held,
        };
        let patch = json!({ "name": null, "aor": "tel:1", "state": null });
        let patch: ParticipantPatch = serde_json::from_value(patch).unwrap();
        patch.apply(&mut facts);
        let expected = ParticipantFacts {
            name: None,
            number: Some("1".to_owned()),
            aor: Some("tel:1".to_owned()),
            state: ParticipantState::Active,
        };
        assert_eq!(facts, expected);
    }

    #[test]
    fn the_console_cannot_be_cleared() {
        let error = serde_json::from_str::<CallPatch>(r#"{"console_id":null}"#).unwrap_err();
        assert!(error.to_string().contains("expected a string"), "{error}");
    }
}
