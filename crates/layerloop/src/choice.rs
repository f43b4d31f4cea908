//! How a choice is written at every border: command line, text form, model file, messages.
//!
//! `relu`, `elu=0.5`, `adam(beta_1=0.8, epsilon=1e-6)`: a name, and the numbers that are not at their usual values; one
//! number alone needs no name of its own if the choice has no other.

pub use layerloop_kernels::Choice;

use crate::{Error, Result};

/// The choice that `text` names.
///
/// # Errors
/// [`Error::Config`]: what is wrong, what is allowed, and the nearest name to a misspelt one.
///
/// # Example
/// ```
/// use layerloop::choice::{parse, text};
/// use layerloop::train::Optimizer;
/// let adam: Optimizer = parse("adam(beta_1=0.8)")?;
/// assert_eq!(text(adam), "adam(beta_1=0.8)");
/// assert_eq!(text(parse::<Optimizer>("momentum=0.5")?), "momentum=0.5");
/// assert!(parse::<Optimizer>("adm").unwrap_err().to_string().contains("`adam`?"));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn parse<T: Choice>(text: &str) -> Result<T> {
    let refuse = |reason: String| Error::config(T::WHAT, reason);
    let end = text.find(['(', '=']).unwrap_or(text.len());
    let (name, rest) = (text[..end].trim(), text[end..].trim());
    let usual = T::ALL.iter().find(|choice| choice.name() == name).ok_or_else(|| refuse(unknown::<T>(name)))?;
    let mut choice = *usual;
    let numbers = if let Some(value) = rest.strip_prefix('=') {
        let [(only, _)] = usual.numbers()[..] else {
            let reason = format!("`{text}`: `{name}` takes {}", takes(*usual));
            return Err(refuse(reason));
        };
        vec![(only, value)]
    } else if let Some(inside) = rest.strip_prefix('(') {
        let inside = inside.strip_suffix(')').ok_or_else(|| refuse(format!("`{text}` has no `)` at its end")))?;
        let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
        let named = parts.map(|part| part.split_once('=').ok_or_else(|| refuse(format!("`{part}` is no NAME=VALUE"))));
        named.collect::<Result<Vec<_>>>()?
    } else {
        Vec::new()
    };
    for (number, value) in numbers {
        let (number, value) = (number.trim(), value.trim());
        let refused = |reason| refuse(format!("`{text}`: {reason}; `{name}` takes {}", takes(*usual)));
        choice = choice.with(number, value).map_err(refused)?;
    }
    Ok(choice)
}

/// The text that [`parse`] takes back.
#[must_use]
pub fn text<T: Choice>(choice: T) -> String {
    let all = choice.numbers();
    let usual = T::ALL.iter().find(|usual| usual.is(choice)).map(|usual| usual.numbers()).unwrap_or_default();
    let unusual: Vec<_> =
        all.iter().zip(&usual).filter(|(a, b)| a != b).map(|((name, value), _)| (name, value)).collect();
    match unusual[..] {
        [] => choice.name().into(),
        [(_, value)] if all.len() == 1 => format!("{}={value}", choice.name()),
        _ => {
            let numbers: Vec<String> = unusual.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}({})", choice.name(), numbers.join(", "))
        }
    }
}

/// `beta_1=0.9, beta_2=0.999`, or `no numbers`.
fn takes<T: Choice>(usual: T) -> String {
    let numbers: Vec<String> = usual.numbers().iter().map(|(name, value)| format!("{name}={value}")).collect();
    if numbers.is_empty() { "no numbers".into() } else { numbers.join(", ") }
}

/// Why `name` is refused.
fn unknown<T: Choice>(name: &str) -> String {
    let names: Vec<&str> = T::ALL.iter().map(|choice| choice.name()).collect();
    let meant = nearest(name, &names).map_or(String::new(), |near| format!("did you mean `{near}`? "));
    format!("there is no `{name}`; {meant}choose one of {}", names.join(", "))
}

/// The name that a misspelt one was meant to be, if one is near.
#[must_use]
pub fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let near = names.iter().copied().min_by_key(|other| distance(other))?;
    (distance(near) <= 1 + near.len() / 4).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Optimizer;

    #[test]
    fn every_choice_comes_back_from_its_text() {
        let unusual = ["adam(beta_2=0.9, epsilon=0.001)", "nesterov=0.25", "sgd"];
        for choice in unusual.map(|text| parse::<Optimizer>(text).unwrap()).iter().chain(Optimizer::ALL) {
            assert_eq!(parse::<Optimizer>(&text(*choice)).unwrap(), *choice);
        }
        assert_eq!(text(Optimizer::ADAM), "adam");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_allowed() {
        let refused = |text| parse::<Optimizer>(text).unwrap_err().to_string();
        let all = Vec::from_iter(Optimizer::ALL.iter().map(|choice| choice.name())).join(", ");
        assert_eq!(
            refused("neserov"),
            format!("optimizer: there is no `neserov`; did you mean `nesterov`? choose one of {all}")
        );
        assert_eq!(refused("zzz"), format!("optimizer: there is no `zzz`; choose one of {all}"));
        assert_eq!(
            refused("momentum=1.5"),
            "optimizer: `momentum=1.5`: momentum: 1.5; it is at least 0 and below 1; `momentum` takes momentum=0.9"
        );
        assert_eq!(refused("sgd=1"), "optimizer: `sgd=1`: `sgd` takes no numbers");
        assert!(refused("adam(beta=1)").contains("`adam` has no `beta`; `adam` takes beta_1=0.9, beta_2=0.999"));
        assert!(refused("adam(beta_1=0.9").ends_with("has no `)` at its end"));
        assert!(refused("adam(0.9)").ends_with("`0.9` is no NAME=VALUE"));
    }
}
