//! A received XML document as a small tree, with limits on everything.
//!
//! Entities other than XML's own five are unknown here and a document type is refused, so no
//! document can grow while it is read.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace as Uri, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

/// The namespace of RFC 7865.
pub(super) const NAMESPACE: &str = "urn:ietf:params:xml:ns:recording:1";

/// What every version of it, and what came before, begins with.
const NAMESPACE_STEM: &str = "urn:ietf:params:xml:ns:recording";

const LIMIT: usize = 256 * 1024;
const DEPTH_MAX: usize = 32;
const ELEMENTS_MAX: usize = 10_000;
const ATTRIBUTES_MAX: usize = 64;

const NOT_UTF8: &str = "it is not in UTF-8 (RFC 7865 §5.1)";

/// A document, and in which ways it is less than well-formed though it can be read.
pub(super) struct Tree {
    pub(super) root: Element,
    pub(super) irregular: Vec<&'static str>,
}

/// An element with all that is in it.
#[derive(Default)]
pub(super) struct Element {
    pub(super) namespace: Namespace,
    /// Its local name.
    pub(super) name: String,
    /// Names in a namespace are written `{namespace}name`.
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
    /// All its own text, put together.
    pub(super) text: String,
}

/// Whose element it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Namespace {
    /// RFC 7865's.
    Recording,
    /// That of a draft, or of a version to come.
    OtherRecording,
    #[default]
    None,
    Foreign,
}

/// Why received bytes cannot be read as metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("the metadata has {0} bytes: its sender must send at most {LIMIT}")]
    TooLong(usize),
    #[error("the metadata has a document type, which is refused: its sender must leave it out")]
    DocumentType,
    #[error("the metadata has too many elements, or too deep: its sender must send less")]
    TooLarge,
    #[error("the metadata is no well-formed XML and must be corrected by its sender: {0}")]
    Malformed(String),
    #[error("the XML document is a {0:?}: its sender must send a recording or a requestsnapshot")]
    NotMetadata(String),
}

impl Tree {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.len() > LIMIT {
            return Err(ReadError::TooLong(bytes.len()));
        }
        let mut irregular = Vec::new();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                irregular.push(NOT_UTF8);
                bytes.iter().copied().map(char::from).collect() // Latin-1 is the likeliest
            }
        };
        Builder {
            reader: NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text)),
            open: Vec::new(),
            root: None,
            elements: 0,
            irregular,
        }
        .build()
    }
}

impl Element {
    /// The value of an attribute that is in no namespace.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

struct Builder<'a> {
    reader: NsReader<&'a [u8]>,
    /// From the root down to where we are.
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    irregular: Vec<&'static str>,
}

impl Builder<'_> {
    fn build(mut self) -> Result<Tree, ReadError> {
        let config = self.reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        for number in 0.. {
            match self.reader.read_event().map_err(malformed)? {
                Event::Start(start) => self.start(&start)?,
                Event::End(_) => self.end(),
                Event::Text(text) => {
                    if text.contains("]]>") {
                        self.note("it has a bare \"]]>\" in its text");
                    }
                    self.text(&text.xml10_content());
                }
                Event::CData(text) => self.text(&text.xml10_content()),
                Event::GeneralRef(reference) => self.text(&resolve(&reference)?),
                Event::Decl(declaration) => self.declaration(&declaration, number == 0),
                Event::DocType(_) => return Err(ReadError::DocumentType),
                Event::PI(instruction) => self.note_name(instruction.target()),
                Event::Comment(_) => {}
                Event::Empty(_) => unreachable!("empty elements are expanded"),
                Event::Eof => break,
            }
        }
        let root = self.root.filter(|_| self.open.is_empty());
        Ok(Tree {
            root: root.ok_or_else(|| malformed("it ends too early"))?,
            irregular: self.irregular,
        })
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), ReadError> {
        self.elements += 1;
        if self.open.len() >= DEPTH_MAX || self.elements > ELEMENTS_MAX {
            return Err(ReadError::TooLarge);
        }
        let (namespace, name) = self.reader.resolver().resolve_element(start.name());
        let mut element = Element {
            namespace: Namespace::of(&namespace),
            name: name.into_inner().to_owned(),
            ..Element::default()
        };
        if matches!(namespace, ResolveResult::Unknown(_)) {
            self.note("it uses a prefix that it does not declare");
        }
        self.note_name(&element.name);
        if !is_spaced(start.attributes_raw()) {
            self.note("it has no space between attributes");
        }
        for (number, attribute) in start.attributes().enumerate() {
            if number == ATTRIBUTES_MAX {
                return Err(ReadError::TooLarge);
            }
            let attribute = attribute.map_err(malformed)?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(malformed)?
                .into_owned();
            if attribute.value.contains('<') {
                self.note("it has a bare \"<\" in an attribute");
            }
            self.note_illegal(&value);
            self.note_name(attribute.key.local_name().into_inner());
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (uri, name) = self.reader.resolver().resolve_attribute(attribute.key);
            let name = match uri {
                ResolveResult::Bound(Uri(uri)) => format!("{{{uri}}}{}", name.into_inner()),
                ResolveResult::Unbound | ResolveResult::Unknown(_) => {
                    attribute.key.into_inner().to_owned()
                }
            };
            element.attributes.push((name, value));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) {
        let element = self.open.pop().expect("the reader matches ends to starts");
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => self.note("it has more than one root element"),
        }
    }

    fn text(&mut self, text: &str) {
        self.note_illegal(text);
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim_ascii().is_empty() => {}
            None => self.note("it has text outside its root element"),
        }
    }

    fn declaration(&mut self, declaration: &BytesDecl<'_>, first: bool) {
        if !first || !is_declaration(declaration) {
            self.note("its XML declaration is not as it must be");
        }
        if let Some(Ok(encoding)) = declaration.encoding()
            && !["utf-8", "utf8", "us-ascii"].contains(&encoding.to_ascii_lowercase().as_str())
        {
            self.note(NOT_UTF8);
        }
    }

    fn note_illegal(&mut self, text: &str) {
        if !text.chars().all(is_legal) {
            self.note("it has a character that XML 1.0 does not allow");
        }
    }

    fn note_name(&mut self, name: &str) {
        let starts = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let goes_on = |c: char| starts(c) || c.is_ascii_digit() || c == '-' || c == '.';
        if !name.starts_with(starts) || !name.chars().all(goes_on) {
            self.note("it has a name that XML does not allow");
        }
    }

    fn note(&mut self, what: &'static str) {
        if !self.irregular.contains(&what) {
            self.irregular.push(what);
        }
    }
}

impl Namespace {
    fn of(resolved: &ResolveResult<'_>) -> Self {
        match resolved {
            ResolveResult::Bound(Uri(NAMESPACE)) => Self::Recording,
            ResolveResult::Bound(Uri(uri)) if uri.starts_with(NAMESPACE_STEM) => {
                Self::OtherRecording
            }
            ResolveResult::Unbound => Self::None,
            ResolveResult::Bound(_) | ResolveResult::Unknown(_) => Self::Foreign,
        }
    }
}

/// Whether XML 1.0 §2.2 allows the character at all.
pub(super) const fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether it has a version, and nothing else but an encoding and a word on standing alone, in this
/// order (XML 1.0 §2.8).
fn is_declaration(declaration: &str) -> bool {
    let start = BytesStart::from_content(declaration, "xml".len());
    let names = ["version", "encoding", "standalone"];
    let mut turn = 0;
    for attribute in start.attributes() {
        let Ok(attribute) = attribute else {
            return false;
        };
        let name = attribute.key.into_inner();
        match names.iter().position(|known| *known == name) {
            Some(0) if turn == 0 && !is_version(&attribute.value) => return false,
            Some(place) if place == turn || (turn == 1 && place == 2) => turn = place + 1,
            Some(_) | None => return false,
        }
    }
    turn > 0 && is_spaced(start.attributes_raw())
}

fn is_version(text: &str) -> bool {
    let minor = text.strip_prefix("1.");
    minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether there is white space before each attribute (XML 1.0 §3.1).
fn is_spaced(attributes: &str) -> bool {
    let mut quote = None;
    let mut closed = true;
    for c in attributes.chars() {
        if closed && !c.is_ascii_whitespace() {
            return false;
        }
        closed = quote == Some(c);
        quote = match (quote, c) {
            (None, '"' | '\'') => Some(c),
            (Some(open), _) if open != c => quote,
            _ => None,
        };
    }
    true
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, ReadError> {
    if let Some(c) = reference.resolve_char_ref().map_err(malformed)? {
        return Ok(c.to_string());
    }
    resolve_predefined_entity(reference)
        .map(str::to_owned)
        .ok_or_else(|| malformed("it names an entity that XML does not have"))
}

fn malformed(error: impl std::fmt::Display) -> ReadError {
    ReadError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tree, ReadError> {
        Tree::parse(text.as_bytes())
    }

    #[test]
    fn elements_attributes_and_text_are_put_together() {
        let tree = parse(
            "\u{feff}<?xml version='1.0' encoding='utf-8'?><!-- note -->\n\
             <r:recording xmlns:r='urn:ietf:params:xml:ns:recording:1' a='&lt;1&#x32;&gt;'>\
             <name xml:lang='it'>A&amp;<![CDATA[<B>]]>\r\n&#67;</name>\
             <x xmlns='urn:ietf:params:xml:ns:recording'/><y xmlns='urn:other'/></r:recording>",
        )
        .unwrap();
        assert!(tree.irregular.is_empty(), "{:?}", tree.irregular);
        let root = &tree.root;
        assert_eq!(
            (root.namespace, root.name.as_str()),
            (Namespace::Recording, "recording")
        );
        assert_eq!(root.attribute("a"), Some("<12>"));
        let spaces: Vec<_> = root.children.iter().map(|child| child.namespace).collect();
        let (none, other, foreign) = (
            Namespace::None,
            Namespace::OtherRecording,
            Namespace::Foreign,
        );
        assert_eq!(spaces, [none, other, foreign]);
        assert_eq!(root.children[0].text, "A&<B>\nC");
        let lang = "{http://www.w3.org/XML/1998/namespace}lang";
        assert_eq!(root.children[0].attribute(lang), Some("it"));
    }

    #[test]
    fn nothing_can_make_a_document_grow() {
        let bomb = "<!DOCTYPE r [<!ENTITY x 'xxxxxxxx'>]><r>&x;</r>";
        assert_eq!(parse(bomb).err(), Some(ReadError::DocumentType));
        assert!(matches!(parse("<r>&x;</r>"), Err(ReadError::Malformed(_))));
        assert!(matches!(
            parse("<r a='&x;'/>"),
            Err(ReadError::Malformed(_))
        ));
        assert_eq!(parse(&"<a>".repeat(40)).err(), Some(ReadError::TooLarge));
        let wide = format!("<r>{}</r>", "<a/>".repeat(ELEMENTS_MAX));
        assert_eq!(parse(&wide).err(), Some(ReadError::TooLarge));
        let attributes: String = (0..80).map(|n| format!(" a{n}=''")).collect();
        let element = format!("<r{attributes}/>");
        assert_eq!(parse(&element).err(), Some(ReadError::TooLarge));
        let long = " ".repeat(LIMIT + 1);
        assert_eq!(parse(&long).err(), Some(ReadError::TooLong(LIMIT + 1)));
    }

    #[test]
    fn what_is_not_well_formed_is_refused_or_noted() {
        for text in [
            "",
            "recording",
            "<r>",
            "<r></s>",
            "<r a='1' a='2'/>",
            "<r a=1/>",
            "</r>",
        ] {
            assert!(
                matches!(parse(text), Err(ReadError::Malformed(_))),
                "{text}"
            );
        }
        for text in [
            "<r/><r/>",
            "<r/>tail",
            "<r>\u{1}</r>",
            "<r>&#1;</r>",
            "<r a='&#xfffe;'/>",
            "<r a='<'/>",
            "<p:r/>",
            "<r a=''b=''/>",
            "<r a!=''/>",
            "<r><?a= b?></r>",
            "<r>]]></r>",
            " <?xml version='1.0'?><r/>",
            "<?xml version='1.0'encoding='utf-8'?><r/>",
            "<?xml version='2.0'?><r/>",
            "<?xml encoding='utf-8' version='1.0'?><r/>",
            "<?xml version='1.0' encoding='utf-16'?><r/>",
        ] {
            let tree = parse(text).unwrap();
            assert_eq!(
                (tree.root.name.as_str(), tree.irregular.len()),
                ("r", 1),
                "{text}"
            );
        }
        let latin = Tree::parse(b"<name>J\xfcrgen</name>").unwrap();
        assert_eq!(
            (latin.root.text.as_str(), latin.irregular.len()),
            ("J\u{fc}rgen", 1)
        );
    }
}
