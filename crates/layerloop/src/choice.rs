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
    parse_all(text).and_then(|choices| match choices[..] {
        [choice] => Ok(choice),
        _ => Err(Error::config(T::WHAT, format!("`{text}` names {}, and one is wanted", choices.len()))),
    })
}

/// The choices that `text` names, with commas between them.
///
/// # Errors
/// [`Error::Config`] with all that is wrong at once, each as [`parse`] says it.
///
/// # Example
/// ```
/// use layerloop::choice::parse_all;
/// use layerloop::metrics::Metric;
/// assert_eq!(parse_all::<Metric>("accuracy, top-k=5")?, [Metric::Accuracy, Metric::TopK { k: 5 }]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn parse_all<T: Choice>(text: &str) -> Result<Vec<T>> {
    let (mut choices, mut wrong, mut names_unknown) = (Vec::new(), Vec::new(), false);
    for one in split(text) {
        match read(one) {
            Ok(choice) => choices.push(choice),
            Err(reason) => wrong.push(reason),
        }
        names_unknown |= usual::<T>(one).is_none();
    }
    if wrong.is_empty() {
        return Ok(choices);
    }
    if names_unknown {
        let names: Vec<&str> = T::ALL.iter().map(|choice| choice.name()).collect();
        wrong.push(format!("choose one of {}", names.join(", ")));
    }
    Err(Error::config(T::WHAT, wrong.join("; ").replace("?;", "?")))
}

/// At the commas that stand in no parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth <= 0
    })
}

/// The name, and what stands behind it.
fn name_and_rest(text: &str) -> (&str, &str) {
    let (name, rest) = text.split_at(text.find(['(', '=']).unwrap_or(text.len()));
    (name.trim(), rest.trim())
}

/// The choice of that name, its numbers at their usual values.
fn usual<T: Choice>(text: &str) -> Option<T> {
    T::ALL.iter().copied().find(|choice| choice.name() == name_and_rest(text).0)
}

/// One choice, or what is wrong with its text.
fn read<T: Choice>(text: &str) -> std::result::Result<T, String> {
    let (name, rest) = name_and_rest(text);
    let usual = usual::<T>(text).ok_or_else(|| unknown::<T>(name))?;
    let mut choice = usual;
    let numbers = if let Some(value) = rest.strip_prefix('=') {
        let [(only, _)] = usual.numbers()[..] else {
            return Err(format!("`{text}`: `{name}` takes {}", takes(usual)));
        };
        vec![(only, value)]
    } else if let Some(inside) = rest.strip_prefix('(') {
        let inside = inside.strip_suffix(')').ok_or_else(|| format!("`{text}` has no `)` at its end"))?;
        let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
        let named = parts.map(|part| part.split_once('=').ok_or_else(|| format!("`{part}` is no NAME=VALUE")));
        named.collect::<std::result::Result<Vec<_>, _>>()?
    } else {
        Vec::new()
    };
    for (number, value) in numbers {
        let (number, value) = (number.trim(), value.trim());
        let refused = |reason| format!("`{text}`: {reason}; `{name}` takes {}", takes(usual));
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
    let meant = nearest(name, &names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("there is no `{name}`{meant}")
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
    fn several_are_read_and_all_that_is_wrong_is_said_at_once() {
        let read = |text| parse_all::<Optimizer>(text).map_err(|e| e.to_string());
        assert_eq!(read("adam(beta_1=0.8, beta_2=0.9), sgd").map(|all| all.len()), Ok(2));
        let all = Vec::from_iter(Optimizer::ALL.iter().map(|choice| choice.name())).join(", ");
        assert_eq!(
            read("neserov,sgd,zzz,sgd=1").unwrap_err(),
            format!(
                "optimizer: there is no `neserov`; did you mean `nesterov`? there is no `zzz`; `sgd=1`: `sgd` takes no numbers; \
             choose one of {all}"
            )
        );
        assert!(read("").unwrap_err().starts_with("optimizer: there is no ``; choose"));
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
        assert!(refused("sgd,adam").ends_with("`sgd,adam` names 2, and one is wanted"));
        assert!(refused("adam(0.9)").ends_with("`0.9` is no NAME=VALUE"));
    }
}
