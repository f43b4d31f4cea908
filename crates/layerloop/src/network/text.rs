//! The text form of a chain of layers: `256 relu -> skip(256 gelu) -> 10`.

use std::fmt;
use std::str::FromStr;

use layerloop_kernels::Activation;

use super::custom;
use super::init::Init;
use super::layer::{Dense, Join, Layer, Unit};
use super::sound::DEEPEST;
use super::spec::Spec;
use crate::names::{find, is_same, names, nearest, parse, text};
use crate::{Error, Result};

/// A chain, to be shown, and how deep it is nested: what is deeper than a network can be is left out.
pub(super) struct Chain<'a>(pub(super) &'a [Layer], pub(super) usize);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(layers, depth) = *self;
        if depth > DEEPEST {
            return f.write_str("...");
        }
        for (i, layer) in layers.iter().enumerate() {
            if i > 0 {
                // An element without a width is written after the layer before it.
                let beside = match layer {
                    Layer::Activation(_) => true,
                    Layer::Unit(unit) => !unit.has_width(),
                    Layer::Custom(_) => true,
                    _ => false,
                };
                f.write_str(if beside { " " } else { " -> " })?;
            }
            match layer {
                Layer::Dense(dense) => self.dense(f, dense, layers.get(i + 1))?,
                Layer::Activation(activation) => f.write_str(&text(*activation))?,
                Layer::Unit(unit) => f.write_str(&text(*unit))?,
                Layer::Custom(layer) => f.write_str(layer.name())?,
                Layer::Skip(layers, join) => write!(f, "skip({}{})", Chain(layers, depth + 1), Joined(*join))?,
                Layer::Parallel(chains, join) => {
                    f.write_str("parallel(")?;
                    for (i, chain) in chains.iter().enumerate() {
                        write!(f, "{}{}", if i > 0 { " | " } else { "" }, Chain(chain, depth + 1))?;
                    }
                    write!(f, "{})", Joined(*join))?;
                }
            }
        }
        Ok(())
    }
}

impl Chain<'_> {
    /// `32 sigmoid`; identity is written only where another activation follows.
    fn dense(&self, f: &mut fmt::Formatter<'_>, dense: &Dense, next: Option<&Layer>) -> fmt::Result {
        let Dense { width, activation, bias, init } = *dense;
        write!(f, "{width}")?;
        if activation != Activation::Identity || matches!(next, Some(Layer::Activation(_))) {
            write!(f, " {}", text(activation))?;
        }
        if !bias {
            f.write_str(" no-bias")?;
        }
        if init != Init::Default {
            write!(f, " init={}", text(init))?;
        }
        Ok(())
    }
}

/// `, join=concatenate`, or nothing for a sum, the default.
struct Joined(Join);

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Join::Add { Ok(()) } else { write!(f, ", join={}", text(self.0)) }
    }
}

/// Reads what [`Spec`]'s `Display` writes; the output map may be left out, softmax is meant then.
impl FromStr for Spec {
    type Err = Error;

    /// # Errors
    /// [`Error::Config`] with the character at which the text is invalid, and what is allowed there.
    fn from_str(text: &str) -> Result<Self> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let inputs = reader.number("the number of inputs")?;
        let mut spec = Self::new(inputs);
        while reader.take("->") {
            let at = reader.at;
            let word = reader.peek_word();
            // At the end alone: some output maps have the name of an activation.
            let last = reader.rest()[word.len()..].trim().is_empty();
            if let Some(output) = find(word).filter(|_| last) {
                reader.at += word.len();
                spec.output = output;
                break;
            }
            reader.at = at;
            reader.stage(&mut spec.layers)?;
        }
        reader.skip_spaces();
        if reader.at < text.len() {
            return Err(reader.refuse(reader.at, "expected ` -> ` and the next layer, or the end"));
        }
        Ok(spec)
    }
}

/// A place in a text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Chains that it is inside of.
    depth: usize,
}

/// Characters of a long text that a message shows on either side of a place.
const SHOWN: usize = 60;

impl<'a> Reader<'a> {
    fn refuse(&self, at: usize, reason: &str) -> Error {
        let (before, after) = self.text.split_at(at);
        let character = before.chars().count() + 1;
        let start = before.char_indices().rev().nth(SHOWN).map_or(0, |(i, c)| i + c.len_utf8());
        let end = after.char_indices().nth(SHOWN).map_or(self.text.len(), |(i, _)| at + i);
        let dots = [start > 0, end < self.text.len()].map(|cut| if cut { "..." } else { "" });
        let text = &self.text[start..end];
        Error::config("network", format!("`{}{text}{}`, character {character}: {reason}", dots[0], dots[1]))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Whether `sign` comes next; then it is passed.
    fn take(&mut self, sign: &str) -> bool {
        self.skip_spaces();
        let there = self.rest().starts_with(sign);
        self.at += if there { sign.len() } else { 0 };
        there
    }

    /// The next word: letters, digits, hyphens; and what belongs to it behind `=` or in brackets.
    fn peek_word(&mut self) -> &'a str {
        self.skip_spaces();
        let rest = self.rest();
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
        // A hyphen that starts an arrow ends the word.
        let end = rest.char_indices().find(|&(i, c)| !inside(c) || rest[i..].starts_with("->"));
        &rest[..end.map_or(rest.len(), |(i, _)| i)]
    }

    fn number(&mut self, what: &str) -> Result<usize> {
        let word = self.peek_word();
        let number = word.parse().map_err(|_| self.refuse(self.at, &format!("expected {what}, a whole number")))?;
        self.at += word.len();
        Ok(number)
    }

    /// `name`, `name=value` or `name(...)`.
    fn choice(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.at += self.peek_word().len();
        // Several of them in `init=orthogonal=2`.
        while self.rest().starts_with('=') {
            self.at += 1;
            self.at += self.peek_word().len();
        }
        if self.rest().starts_with('(') {
            let end = self.rest().find(')').ok_or_else(|| self.refuse(self.at, "this `(` is never closed"))?;
            self.at += end + 1;
        }
        Ok(&self.text[start..self.at])
    }

    /// A chain, up to what ends it.
    fn chain(&mut self) -> Result<Vec<Layer>> {
        let mut layers = vec![];
        self.stage(&mut layers)?;
        while self.take("->") {
            self.stage(&mut layers)?;
        }
        Ok(layers)
    }

    /// The words between two arrows.
    fn stage(&mut self, layers: &mut Vec<Layer>) -> Result<()> {
        // Until an activation is named, it may be that of the dense layer before it.
        let mut open = None;
        let first = layers.len();
        loop {
            self.skip_spaces();
            let (at, word) = (self.at, self.peek_word());
            if word.is_empty() {
                break;
            }
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                let width = self.number("the width of a layer")?;
                layers.push(Layer::Dense(Dense::new(width, Activation::Identity)));
                open = Some(layers.len() - 1);
                continue;
            }
            match WORDS.into_iter().find(|known| is_same(known, word)).unwrap_or(word) {
                kind @ ("skip" | "parallel") => {
                    layers.push(self.nested(kind, word.len())?);
                    open = None;
                }
                "no-bias" | "init" => self.of_dense(layers[first..].last_mut())?,
                _ if custom::is_registered(word) => {
                    let layer = custom::read(self.choice()?).map_err(|e| self.refuse(at, &e.to_string()))?;
                    layers.push(Layer::Custom(layer));
                    open = None;
                }
                _ if is_unit(word) => {
                    layers.push(Layer::Unit(parse(self.choice()?).map_err(|e| self.refuse(at, &e.to_string()))?));
                    open = None;
                }
                _ => {
                    let activation = parse(self.choice()?).map_err(|e| self.refuse(at, &e.to_string()))?;
                    match open.take().map(|i: usize| &mut layers[i]) {
                        Some(Layer::Dense(dense)) => {
                            dense.activation = activation;
                        }
                        _ => layers.push(Layer::Activation(activation)),
                    }
                }
            }
        }
        if layers.len() == first {
            return Err(
                self.refuse(self.at, "expected a layer: a width, `skip(...)`, `parallel(...)` or an activation")
            );
        }
        Ok(())
    }

    /// `skip(chain)` or `parallel(chain | chain)`, from its name of `len` bytes on.
    fn nested(&mut self, kind: &str, len: usize) -> Result<Layer> {
        let at = self.at;
        self.at += len;
        let (chains, join) = self.chains()?;
        let mut chains = chains.into_iter();
        match (kind, chains.len()) {
            ("parallel", _) => Ok(Layer::Parallel(chains.collect(), join)),
            (_, 1) => Ok(Layer::Skip(chains.next().unwrap_or_default(), join)),
            _ => Err(self.refuse(at, "`skip` takes one chain; `parallel` takes several")),
        }
    }

    /// `no-bias` or `init=...`, of the layer before it, which has to be dense.
    fn of_dense(&mut self, last: Option<&mut Layer>) -> Result<()> {
        let at = self.at;
        let word = self.choice()?;
        let Some(Layer::Dense(dense)) = last else {
            return Err(self.refuse(at, &format!("`{word}` belongs behind the width of a dense layer")));
        };
        match word.split_once('=') {
            None => dense.bias = false,
            Some((_, name)) => dense.init = parse(name).map_err(|e| self.refuse(at, &e.to_string()))?,
        }
        Ok(())
    }

    /// `(chain | chain, join=...)`
    fn chains(&mut self) -> Result<(Vec<Vec<Layer>>, Join)> {
        let start = self.at;
        if !self.take("(") {
            return Err(self.refuse(self.at, "expected `(` and a chain of layers"));
        }
        if self.depth == DEEPEST {
            return Err(self.refuse(start, &format!("chains are nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        let mut chains = vec![self.chain()?];
        while self.take("|") {
            chains.push(self.chain()?);
        }
        let mut join = Join::Add;
        if self.take(",") {
            self.skip_spaces();
            let at = self.at;
            let word = self.choice()?;
            let name = word.split_once('=').filter(|(word, _)| is_same(word, "join")).map(|(_, name)| name);
            let name = name.ok_or_else(|| self.refuse(at, "expected `join=` and a name"))?;
            join = parse(name).map_err(|e| self.refuse(at, &e.to_string()))?;
        }
        if !self.take(")") {
            return Err(self.refuse(start, "this `(` is never closed"));
        }
        self.depth -= 1;
        Ok((chains, join))
    }
}

/// Words that are neither a unit nor an activation.
const WORDS: [&str; 4] = ["skip", "parallel", "no-bias", "init"];

/// Whether a word is the name of a unit, or nearer to one than to any activation.
fn is_unit(word: &str) -> bool {
    let all: Vec<&str> = names::<Activation>().chain(names::<Unit>()).collect();
    nearest(word, &all).is_some_and(|name| find::<Unit>(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_from_its_network() {
        for text in [
            "784 -> 32 sigmoid -> 10 -> softmax",
            "4 -> 3 relu init=glorot-uniform -> 2 no-bias -> reference-softmax",
            "4 -> 8 identity tanh -> skip(8 relu -> 8) relu -> 3 -> softmax",
            "4 -> parallel(8 relu | 4 tanh -> 8, join=multiply) -> skip(5, join=concatenate) -> 3 -> softmax",
            "4 -> 8 relu dropout=0.1 -> 8 batch-norm relu -> 6 layer-norm=0.001 prelu -> 3 -> softmax",
            "4 -> embedding(count=100, width=8) -> 8 maxout=4 scale -> bilinear=3 rrelu -> softmax",
        ] {
            let spec: Spec = text.parse().unwrap();
            assert_eq!(spec.to_string(), text);
            assert_eq!(spec.to_string().parse::<Spec>().unwrap(), spec);
            assert_eq!(text.trim_end_matches(" -> softmax").parse::<Spec>().unwrap(), spec);
        }
        assert_eq!("4->3 relu->2".parse::<Spec>().unwrap().to_string(), "4 -> 3 relu -> 2 -> softmax");
    }

    /// Only the exact spelling was read.
    #[test]
    fn aliases_are_read_whatever_their_case_hyphens_and_underscores() {
        let text = "4 -> 8 SiLU Batch_Norm -> 8 no_bias Init=he -> SKIP(8 leaky-relu, Join=Concat) -> 3 -> Linear";
        let canonical = "4 -> 8 swish batch-norm -> 8 no-bias init=kaiming-normal -> skip(8 leakyrelu, join=concatenate) -> 3 -> identity";
        assert_eq!(text.parse::<Spec>().unwrap().to_string(), canonical);
    }

    #[test]
    fn errors_point_at_the_character() {
        let refused = |text: &str| text.parse::<Spec>().unwrap_err().to_string();
        assert!(refused("x -> 3").contains("character 1: expected the number of inputs"));
        assert!(
            refused("4 -> 3 rellu -> 2")
                .contains("character 8: activation: unknown activation `rellu`; did you mean `relu`?")
        );
        assert!(refused("4 -> ").contains("character 6: expected a layer"));
        assert!(refused("4 -> skip(3 relu").contains("character 10: this `(` is never closed"));
        assert!(refused("4 -> skip(3, join=zzz) -> 2").contains("character 14: join: unknown join `zzz`"));
        assert!(refused("4 -> 3 ? -> 2").contains("character 8: expected ` -> `"));
        assert!(
            refused("4 -> 3 dropuot=0.1 -> 2").contains("character 8: layer: unknown layer `dropuot`; did you mean")
        );
        assert!(
            refused("4 -> 3 dropout=1.5 -> 2").contains("character 8: layer: `dropout=1.5`: rate: 1.5; it is at least")
        );
        assert!(refused("4 -> no-bias").contains("character 6: `no-bias` belongs behind"));
    }
}
