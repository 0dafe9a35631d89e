//! Where tests find ITU's vectors and the traces of reference outputs.

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

/// The folder with the vectors: `G729_VECTORS`, or one beside the checkout.
fn vectors() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/g729/annexA");
    std::env::var_os("G729_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

/// The frames of a trace, or `None` (and a line that says so) where there is none.
pub(crate) fn trace(name: &str) -> Option<Vec<Value>> {
    let folder = vectors();
    let path = folder.parent()?.join(format!("trace-{name}.json.gz"));
    let Ok(file) = std::fs::File::open(&path) else {
        println!(
            "skipped: no trace at {} (G729_VECTORS names the folder)",
            path.display()
        );
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    let mut trace: Value = serde_json::from_str(&text).unwrap();
    Some(serde_json::from_value(trace["frames"].take()).unwrap())
}

/// The numbers of a trace's field, whatever their nesting.
pub(crate) fn numbers<const N: usize>(value: &Value) -> [i16; N] {
    wide(value).map(|n| i16::try_from(n).unwrap())
}

/// The same for numbers of more bits.
pub(crate) fn wide<const N: usize>(value: &Value) -> [i64; N] {
    fn flatten(value: &Value, into: &mut Vec<i64>) {
        match value.as_array() {
            Some(values) => values.iter().for_each(|value| flatten(value, into)),
            None => into.push(value.as_i64().unwrap()),
        }
    }
    let mut all = Vec::new();
    flatten(value, &mut all);
    let len = all.len();
    all.try_into()
        .unwrap_or_else(|_| panic!("{len} numbers where {N} were expected"))
}
