//! A node with its settings by name.

use crate::onnx::proto::{AttributeProto, NodeProto};

/// A node of the graph.
pub(super) struct Node<'a>(&'a NodeProto);

impl<'a> Node<'a> {
    pub(super) fn new(proto: &'a NodeProto) -> Self {
        Self(proto)
    }

    pub(super) fn op(&self) -> &'a str {
        self.0.op_type()
    }

    /// For messages.
    pub(super) fn named(&self) -> String {
        let output = self.0.output.first().map_or("", String::as_str);
        let name = if self.0.name().is_empty() { output } else { self.0.name() };
        format!("node `{name}` ({})", self.op())
    }

    pub(super) fn gives(&self, name: &str) -> bool {
        self.0.output.iter().any(|output| output == name)
    }

    /// The name of an input; none where it is left out.
    pub(super) fn input(&self, at: usize) -> Option<&'a str> {
        self.0.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.input.iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name() == name)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).and_then(|attribute| attribute.f).unwrap_or(default)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|attribute| attribute.i).unwrap_or(default)
    }

    pub(super) fn floats(&self, name: &str) -> Option<Vec<f64>> {
        self.attribute(name).map(|attribute| attribute.floats.iter().map(|&x| x.into()).collect())
    }

    /// Names, be they texts or whole numbers.
    pub(super) fn names(&self, [texts, numbers]: [&str; 2]) -> Option<Vec<String>> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        let texts = self.attribute(texts).map(|set| set.strings.iter().map(text).collect::<Vec<_>>());
        let numbers = self.attribute(numbers).map(|set| set.ints.iter().map(i64::to_string).collect());
        texts.filter(|all| !all.is_empty()).or(numbers)
    }
}
