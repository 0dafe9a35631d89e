//! What the commands print: tables for people, JSON for scripts.

use std::io::{self, Write};

use comfy_table::{Cell, Table};
use serde_json::Value;

/// Where a command prints, and for whom.
pub(crate) struct Output<'a> {
    out: &'a mut dyn Write,
    json: bool,
}

/// A fact of a thing: its heading, its place (a JSON pointer, RFC 6901), and how it is spelled.
pub(crate) type Column = (&'static str, &'static str, fn(&Value) -> String);

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, json: bool) -> Self {
        Self { out, json }
    }

    /// Whether scripts read it.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the server's JSON for scripts, or else what `people` prints.
    pub(crate) fn show(
        &mut self,
        body: &Value,
        people: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.json {
            self.json(body)
        } else {
            people(self)
        }
    }

    /// One object on one line.
    pub(crate) fn json(&mut self, body: &Value) -> io::Result<()> {
        let nothing = Value::Object(serde_json::Map::new());
        let body = if body.is_null() { &nothing } else { body };
        writeln!(self.out, "{body}")
    }

    /// Prints a problem for scripts; people are told otherwise.
    pub(crate) fn problem(&mut self, problem: &Value) -> io::Result<()> {
        if self.json {
            self.json(problem)?;
        }
        Ok(())
    }

    /// One line.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A row for each thing under the columns' headings, or that there is none of `what`.
    pub(crate) fn table(&mut self, what: &str, rows: &Value, columns: &[Column]) -> io::Result<()> {
        let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
        if rows.is_empty() {
            return self.line(&format!("no {what}"));
        }
        let mut table = plain_table();
        table.set_header(columns.iter().map(|(heading, ..)| Cell::new(heading)));
        for row in rows {
            table.add_row(columns.iter().map(|column| Cell::new(spelled(row, column))));
        }
        self.print(table)
    }

    /// A row for each fact of one thing; what is empty is left out.
    pub(crate) fn facts(&mut self, thing: &Value, facts: &[Column]) -> io::Result<()> {
        let mut table = plain_table();
        for fact in facts {
            let text = spelled(thing, fact);
            table.add_row_if(|_, _| !text.is_empty(), [fact.0, &text]);
        }
        self.print(table)
    }

    fn print(&mut self, mut table: Table) -> io::Result<()> {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.line(&table.trim_fmt())
    }
}

fn spelled(thing: &Value, (_, place, spell): &Column) -> String {
    spell(thing.pointer(place).unwrap_or(&Value::Null))
}

/// A value in a table: text as it is, but for characters that would command the terminal; nothing
/// for null.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => {
            let printable = text.chars();
            let printable = printable.map(|c| if c.is_control() { '\u{fffd}' } else { c });
            printable.collect()
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            items.join(", ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// `Name <number>`, or what there is of it.
pub(crate) fn person(value: &Value) -> String {
    let (name, number) = (plain(&value["name"]), plain(&value["number"]));
    match (name.is_empty(), number.is_empty()) {
        (_, true) => name,
        (true, false) => number,
        (false, false) => format!("{name} <{number}>"),
    }
}

/// Persons, separated by commas.
pub(crate) fn persons(value: &Value) -> String {
    let persons = value.as_array().into_iter().flatten();
    let persons: Vec<_> = persons.map(person).collect();
    persons.join(", ")
}

/// `2 recording, 1 retrying`, from counts by name.
pub(crate) fn counts(value: &Value) -> String {
    let counts = value.as_object().into_iter().flatten();
    let counts = counts.filter(|(_, count)| count.as_u64() != Some(0));
    let counts: Vec<_> = counts
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    counts.join(", ")
}

/// `08:00:00 to 08:00:07`, from gaps of a recording; the day stands in what is shown of one.
pub(crate) fn gaps(value: &Value) -> String {
    let clock = |time: &Value| {
        let text = plain(time);
        let (_, clock) = text.split_once('T').unwrap_or(("", &text));
        clock.split('.').next().unwrap_or_default().to_owned()
    };
    let gap = |gap: &Value| {
        let (from, to) = (clock(&gap["from"]), clock(&gap["to"]));
        if to.is_empty() {
            format!("since {from}")
        } else {
            format!("{from} to {to}")
        }
    };
    let gaps: Vec<_> = value.as_array().into_iter().flatten().map(gap).collect();
    gaps.join(", ")
}

/// A line for each gap of a recording, with its reason.
pub(crate) fn gaps_and_why(value: &Value) -> String {
    let line = |gap: &Value| {
        let [from, to, why] = ["from", "to", "reason"].map(|name| plain(&gap[name]));
        if to.is_empty() {
            format!("since {from}: {why}")
        } else {
            format!("{from} to {to}: {why}")
        }
    };
    let lines: Vec<_> = value.as_array().into_iter().flatten().map(line).collect();
    lines.join("\n")
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(
            plain(&json!("a\u{1b}[2J\nb\u{9b}")),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}"
        );
    }

    #[test]
    fn a_table_is_columns_and_nothing_else() {
        let mut text = Vec::new();
        let rows = json!([{ "id": "7", "n": 1 }, { "id": "long name", "n": 20 }]);
        let columns: [Column; 2] = [("CALL", "/id", plain), ("N", "/n", plain)];
        let mut output = Output::new(&mut text, false);
        output.table("calls", &rows, &columns).unwrap();
        output.table("calls", &json!([]), &columns).unwrap();
        output
            .facts(&json!({ "id": "7", "n": null }), &columns)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "CALL       N\n7          1\nlong name  20\nno calls\nCALL  7\n"
        );
    }

    #[test]
    fn people_and_counts_say_what_there_is() {
        assert_eq!(person(&json!({ "name": "A", "number": "1" })), "A <1>");
        assert_eq!(person(&json!({ "number": "1" })), "1");
        assert_eq!(person(&json!({})), "");
        assert_eq!(
            counts(&json!({ "recording": 2, "failed": 0, "retrying": 1 })),
            "2 recording, 1 retrying"
        );
    }

    #[test]
    fn gaps_say_from_when_to_when() {
        let value = json!([
            { "from": "2017-05-01T10:17:11.042Z", "to": "2017-05-01T10:17:19.000Z", "reason": "a" },
            { "from": "2017-05-01T10:20:00.000Z", "to": null, "reason": "b" },
        ]);
        assert_eq!(gaps(&value), "10:17:11 to 10:17:19, since 10:20:00");
        assert_eq!(
            gaps_and_why(&value),
            "2017-05-01T10:17:11.042Z to 2017-05-01T10:17:19.000Z: a\n\
             since 2017-05-01T10:20:00.000Z: b"
        );
        assert_eq!(gaps(&json!([])) + &gaps_and_why(&Value::Null), "");
    }
}
