//! What the commands do: each asks the server, and prints the answer.

/// `sixreel call …`
pub(crate) mod call;
/// `sixreel recorder …`
pub(crate) mod recorder;
/// `sixreel recording …`
pub(crate) mod recording;
/// `sixreel serve`
pub(crate) mod serve;
/// `sixreel stats`, `health`, `version` and `events`
pub(crate) mod server;
/// `sixreel srs`
pub(crate) mod srs;

use std::path::Path;

use serde_json::Value;

use crate::client::{Answer, Client, ClientError, segment};
use crate::failure::Failure;
use crate::output::{Column, Output};

/// A connection to the server and a place to print.
pub(crate) struct Session<'a, 'b> {
    pub(crate) client: Client,
    pub(crate) output: &'a mut Output<'b>,
}

impl<'a, 'b> Session<'a, 'b> {
    /// Talks to the server at that socket, and prints to that output.
    pub(crate) fn connect(
        (socket, output): (&Path, &'a mut Output<'b>),
    ) -> Result<Self, ClientError> {
        let client = Client::connect(socket)?;
        Ok(Self { client, output })
    }

    /// What the server has at `path`.
    fn get(&mut self, path: &str) -> Result<Value, Failure> {
        granted(self.client.get(path))
    }

    /// Prints all pages of the list `name`.
    fn show_list(&mut self, name: &str, columns: &[Column]) -> Result<(), Failure> {
        let body = self.list(name)?;
        let show = |output: &mut Output<'_>| output.table(name, &body[name], columns);
        Ok(self.output.show(&body, show)?)
    }

    /// Prints what the server has at `path`.
    fn show_facts(&mut self, path: &str, facts: &[Column]) -> Result<(), Failure> {
        let body = self.get(path)?;
        let show = |output: &mut Output<'_>| output.facts(&body, facts);
        Ok(self.output.show(&body, show)?)
    }

    /// The same, and under an empty line a table of what one of its lists holds.
    fn show_facts_and_table(
        &mut self,
        path: &str,
        facts: &[Column],
        (list, columns): (&str, &[Column]),
    ) -> Result<(), Failure> {
        let body = self.get(path)?;
        let show = |output: &mut Output<'_>| {
            output.facts(&body, facts)?;
            output.line("")?;
            output.table(list, &body[list], columns)
        };
        Ok(self.output.show(&body, show)?)
    }

    /// All pages of the list `name` in one.
    fn list(&mut self, name: &str) -> Result<Value, Failure> {
        let mut list = self.get(&format!("/v1/{name}"))?;
        while let Value::String(next) = list["next"].take() {
            let after = segment(&next);
            let mut page = self.get(&format!("/v1/{name}?after={after}"))?;
            if let (Value::Array(list), Value::Array(more)) = (&mut list[name], page[name].take()) {
                list.extend(more);
            }
            list["next"] = page["next"].take();
        }
        if let Value::Object(fields) = &mut list {
            fields.remove("next");
        }
        Ok(list)
    }

    /// Prints the server's JSON, or a line for people.
    fn say(&mut self, body: &Value, text: &str) -> Result<(), Failure> {
        Ok(self.output.show(body, |output| output.line(text))?)
    }
}

/// The body of a good answer.
pub(crate) fn granted(answer: Result<Answer, ClientError>) -> Result<Value, Failure> {
    let answer = answer?;
    if answer.status >= 400 {
        return Err(Failure::Refused(answer.body));
    }
    Ok(answer.body)
}
