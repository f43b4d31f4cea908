//! How a member of a closed set is written: command line, text form, model file, messages.
//!
//! `relu`, `elu=0.5`, `adam(beta_1=0.8, epsilon=1e-6)`: a name, and the numbers that are not at their default values; one
//! number alone needs no name of its own if the choice has no other. Case, `-` and `_` make no difference, and a choice is
//! known by its aliases too: `SiLU` is `swish`, `LeakyReLU` and `leaky_relu` are `leakyrelu`.

mod custom;
mod or_custom;
pub(crate) mod serialised;

pub use layerloop_kernels::NamedEnum;

pub use self::custom::Custom;
pub(crate) use self::custom::Registry;
pub use self::or_custom::{Kind, OrCustom};

use crate::{Error, Result};

/// The choice that `text` names.
///
/// # Errors
/// [`Error::Config`]: what is wrong, what is allowed, and the nearest name to a misspelt one.
///
/// # Example
/// ```
/// use layerloop::names::{parse, text};
/// use layerloop::train::Optimizer;
/// let adam: Optimizer = parse("adam(beta_1=0.8)")?;
/// assert_eq!(text(adam), "adam(beta_1=0.8)");
/// assert_eq!(text(parse::<Optimizer>("momentum=0.5")?), "momentum=0.5");
/// assert!(parse::<Optimizer>("adm").unwrap_err().to_string().contains("`adam`?"));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn parse<T: NamedEnum>(text: &str) -> Result<T> {
    parse_all(text).and_then(|choices| match choices[..] {
        [choice] => Ok(choice),
        _ => Err(Error::config(T::WHAT, format!("`{text}` names {}; expected one", choices.len()))),
    })
}

/// The choices that `text` names, with commas between them.
///
/// # Errors
/// [`Error::Config`] with everything that is wrong, each as [`parse`] reports it.
///
/// # Example
/// ```
/// use layerloop::names::parse_all;
/// use layerloop::metrics::Metric;
/// assert_eq!(parse_all::<Metric>("accuracy, top-k=5")?, [Metric::Accuracy, Metric::TopK { k: 5 }]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn parse_all<T: NamedEnum>(text: &str) -> Result<Vec<T>> {
    let (mut choices, mut wrong, mut names_unknown) = (Vec::new(), Vec::new(), false);
    for one in split(text) {
        match read(one) {
            Ok(choice) => choices.push(choice),
            Err(reason) => wrong.push(reason),
        }
        names_unknown |= default::<T>(one).is_none();
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

/// As [`parse`], of one choice whose numbers may have commas between them: `elastic=36,5`.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_one<T: NamedEnum>(text: &str) -> Result<T> {
    read(text).map_err(|reason| {
        let known = default::<T>(text).is_some();
        let names: Vec<&str> = T::ALL.iter().map(|choice| choice.name()).collect();
        let all = if known { String::new() } else { format!("; choose one of {}", names.join(", ")) };
        Error::config(T::WHAT, (reason + &all).replace("?;", "?"))
    })
}

/// Refuses a choice with a number that its text could not have.
///
/// # Errors
/// [`Error::Config`]: the number, its value, and the range.
///
/// # Example
/// ```
/// use layerloop::names::check;
/// use layerloop::metrics::Metric;
/// assert!(check(Metric::TopK { k: 5 }).is_ok());
/// assert_eq!(check(Metric::TopK { k: 0 }).unwrap_err().to_string(), "metric: `top-k`: k: 0; it is at least 1");
/// ```
pub fn check<T: NamedEnum>(choice: T) -> Result<()> {
    for (number, value) in choice.numbers() {
        let wrong = |reason| Error::config(T::WHAT, format!("`{}`: {reason}", choice.name()));
        choice.with(number, &value).map_err(wrong)?;
    }
    Ok(())
}

/// At the commas outside parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth <= 0
    })
}

/// The name, and the text after it.
fn name_and_rest(text: &str) -> (&str, &str) {
    let (name, rest) = text.split_at(text.find(['(', '=']).unwrap_or(text.len()));
    (name.trim(), rest.trim())
}

/// The choice of this name or alias, its numbers at their default values.
///
/// # Example
/// ```
/// use layerloop::names::find;
/// use layerloop::network::Activation;
/// use layerloop::train::Loss;
/// assert_eq!(find::<Activation>("SiLU"), Some(Activation::Swish));
/// assert_eq!(find::<Loss>("MSELoss"), Some(Loss::Mse));
/// assert_eq!(find::<Loss>("mxe"), None);
/// ```
#[must_use]
pub fn find<T: NamedEnum>(name: &str) -> Option<T> {
    let called = |name: &str| {
        let named = |choice: &&T| is_same(choice.name(), name) || choice.aliases().iter().any(|a| is_same(a, name));
        T::ALL.iter().find(named).copied()
    };
    // PyTorch's classes end in what they are: `MSELoss`.
    called(name).or_else(|| called(plain(name).strip_suffix(T::WHAT)?))
}

/// Whether two names are the same but for case, `-` and `_`.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    let letters = |name| str::chars(name).filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase());
    letters(one).eq(letters(other))
}

/// A name in lower case without `-` and `_`.
fn plain(name: &str) -> String {
    name.replace(['-', '_'], "").to_ascii_lowercase()
}

/// The choice of that name, its numbers at their default values.
fn default<T: NamedEnum>(text: &str) -> Option<T> {
    find(name_and_rest(text).0)
}

/// One choice, or what is wrong with its text.
fn read<T: NamedEnum>(text: &str) -> std::result::Result<T, String> {
    let (name, _) = name_and_rest(text);
    let default = default::<T>(text).ok_or_else(|| unknown::<T>(name))?;
    let (mut choice, known) = (default, default.numbers());
    for (number, value) in numbers(text, &known)? {
        let refused = |reason| format!("`{text}`: {reason}; `{name}` takes {}", takes(&known));
        choice = choice.with(number, value).map_err(refused)?;
    }
    Ok(choice)
}

/// The numbers of `text` by name, or what is wrong with it. Of a name that is not among those known, case, `-` and `_` matter.
fn numbers<'a>(text: &'a str, known: &[(&'a str, String)]) -> std::result::Result<Vec<(&'a str, &'a str)>, String> {
    let (name, rest) = name_and_rest(text);
    if let Some(value) = rest.strip_prefix('=') {
        let values: Vec<&str> = if known.len() == 1 { vec![value] } else { value.split(',').collect() };
        if known.is_empty() || values.len() != known.len() {
            return Err(format!("`{text}`: `{name}` takes {}", takes(known)));
        }
        return Ok(known.iter().map(|(name, _)| *name).zip(values.into_iter().map(str::trim)).collect());
    }
    let Some(inside) = rest.strip_prefix('(') else { return Ok(Vec::new()) };
    let inside = inside.strip_suffix(')').ok_or_else(|| format!("`{text}` has no `)` at its end"))?;
    let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
    let number = |part: &'a str| {
        let (number, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=VALUE"))?;
        let number = number.trim();
        let known = known.iter().map(|&(known, _)| known).find(|known| is_same(known, number));
        Ok((known.unwrap_or(number), value.trim()))
    };
    parts.map(number).collect()
}

/// The text that [`parse`] takes back.
#[must_use]
pub fn text<T: NamedEnum>(choice: T) -> String {
    let default = T::ALL.iter().find(|default| default.is(choice)).map(|default| default.numbers()).unwrap_or_default();
    text_of(choice.name(), &choice.numbers(), &default)
}

/// A name, and those of its numbers that are not at their default values.
fn text_of(name: &str, numbers: &[(&str, String)], default: &[(&str, String)]) -> String {
    let others: Vec<_> =
        numbers.iter().zip(default).filter(|(a, b)| a != b).map(|(number, _)| number.clone()).collect();
    match &others[..] {
        [] => name.into(),
        [(_, value)] if numbers.len() == 1 => format!("{name}={value}"),
        others => format!("{name}({})", listed(others)),
    }
}

/// `beta_1=0.9, beta_2=0.999`
fn listed(numbers: &[(&str, String)]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    numbers.join(", ")
}

/// [`listed`], or `no numbers`.
fn takes(numbers: &[(&str, String)]) -> String {
    if numbers.is_empty() { "no numbers".into() } else { listed(numbers) }
}

/// Why `name` is refused.
fn unknown<T: NamedEnum>(name: &str) -> String {
    let names: Vec<&str> = names::<T>().collect();
    let meant = nearest(name, &names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("unknown {} `{name}`{meant}", T::WHAT)
}

/// Every name that [`find`] knows.
pub(crate) fn names<T: NamedEnum>() -> impl Iterator<Item = &'static str> {
    T::ALL.iter().flat_map(|choice| std::iter::once(choice.name()).chain(choice.aliases().iter().copied()))
}

/// The name that a misspelt one was meant to be, if one is near; case, `-` and `_` make no difference.
#[must_use]
pub fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let name = plain(name);
    let distance = |other: &str| strsim::damerau_levenshtein(&name, &plain(other));
    let near = names.iter().copied().min_by_key(|other| distance(other))?;
    (distance(near) <= 1 + plain(near).len() / 4).then_some(near)
}

/// A choice that may be missing, as its text in JSON: `#[serde(with = "crate::names::optional")]`.
pub(crate) mod optional {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{NamedEnum, parse, text};

    pub(crate) fn serialize<T: NamedEnum, S: Serializer>(choice: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        choice.map(text).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: NamedEnum, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let written = Option::<String>::deserialize(deserializer)?;
        written.map(|text| parse(&text)).transpose().map_err(serde::de::Error::custom)
    }
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

    /// `SiLU` was refused, with `selu` as what was meant; a spelling of `-` for `_` was refused too.
    #[test]
    fn names_are_known_by_their_aliases_and_whatever_their_case_hyphens_and_underscores() {
        use crate::metrics::Metric;
        use crate::network::{Activation, Init};
        use crate::train::{Loss, Schedule};
        fn same<T: NamedEnum>(spellings: &str, name: &str) {
            for spelling in spellings.split(' ') {
                assert_eq!(
                    parse::<T>(spelling).map(text).as_deref().map_err(ToString::to_string),
                    Ok(name),
                    "{spelling}"
                );
            }
        }
        same::<Activation>("relu RELU ReLU", "relu");
        same::<Activation>("swish silu SiLU", "swish");
        same::<Activation>("leakyrelu leaky_relu leaky-relu LeakyReLU", "leakyrelu");
        same::<Activation>("hard_sigmoid HardSigmoid", "hardsigmoid");
        same::<Init>("xavier Xavier_Uniform glorot_uniform", "glorot-uniform");
        same::<Init>("he He-Normal kaiming_normal", "kaiming-normal");
        same::<Loss>("bce BCELoss BCEWithLogitsLoss binary_crossentropy", "binary-cross-entropy");
        same::<Loss>("crossentropy CrossEntropyLoss sparse_categorical_crossentropy nll", "cross-entropy");
        same::<Loss>("MSELoss mean_squared_error", "mse");
        same::<Loss>("L1Loss mae", "mae");
        same::<Metric>("auc roc_auc ROC-AUC", "roc-auc");
        same::<Metric>("Top_K=5 top-k=5 top-k(K=5)", "top-k=5");
        same::<Metric>("f1=Weighted f1_score(average=weighted)", "f1=weighted");
        same::<Optimizer>("Adam(beta1=0.8) ADAM(Beta-1=0.8)", "adam(beta_1=0.8)");
        same::<Optimizer>("L-BFGS lbfgs", "lbfgs");
        same::<Schedule>("ReduceLROnPlateau reduce_on_plateau", "reduce-on-plateau");
    }

    #[test]
    fn every_name_and_alias_stands_for_one_choice() {
        fn check<T: NamedEnum>() {
            let (all, mut plains): (Vec<&str>, Vec<String>) =
                (names::<T>().collect(), names::<T>().map(plain).collect());
            plains.sort();
            plains.dedup();
            assert_eq!(plains.len(), all.len(), "{}: {all:?}", T::WHAT);
        }
        check::<crate::network::Activation>();
        check::<crate::network::Unit>();
        check::<crate::network::Join>();
        check::<crate::network::Output>();
        check::<crate::network::Init>();
        check::<crate::train::Loss>();
        check::<Optimizer>();
        check::<crate::train::Schedule>();
        check::<crate::metrics::Metric>();
        check::<crate::explain::Attribution>();
        check::<crate::augment::Distortion>();
    }

    #[test]
    fn several_are_read_and_all_that_is_wrong_is_said_at_once() {
        let read = |text| parse_all::<Optimizer>(text).map_err(|e| e.to_string());
        assert_eq!(read("adam(beta_1=0.8, beta_2=0.9), sgd").map(|all| all.len()), Ok(2));
        let all = Vec::from_iter(Optimizer::ALL.iter().map(|choice| choice.name())).join(", ");
        assert_eq!(
            read("neserov,sgd,zzz,sgd=1").unwrap_err(),
            format!(
                "optimizer: unknown optimizer `neserov`; did you mean `nesterov`? unknown optimizer `zzz`; `sgd=1`: `sgd` takes no numbers; \
             choose one of {all}"
            )
        );
        assert!(read("").unwrap_err().starts_with("optimizer: unknown optimizer ``; choose"));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_allowed() {
        let refused = |text| parse::<Optimizer>(text).unwrap_err().to_string();
        let all = Vec::from_iter(Optimizer::ALL.iter().map(|choice| choice.name())).join(", ");
        assert_eq!(
            refused("neserov"),
            format!("optimizer: unknown optimizer `neserov`; did you mean `nesterov`? choose one of {all}")
        );
        assert_eq!(refused("zzz"), format!("optimizer: unknown optimizer `zzz`; choose one of {all}"));
        assert_eq!(
            refused("momentum=1.5"),
            "optimizer: `momentum=1.5`: momentum: 1.5; it is at least 0 and below 1; `momentum` takes momentum=0.9"
        );
        assert_eq!(refused("sgd=1"), "optimizer: `sgd=1`: `sgd` takes no numbers");
        assert!(refused("adam(beta=1)").contains("`adam` has no `beta`; `adam` takes beta_1=0.9, beta_2=0.999"));
        assert!(refused("adam(beta_1=0.9").ends_with("has no `)` at its end"));
        assert!(refused("sgd,adam").ends_with("`sgd,adam` names 2; expected one"));
        assert!(refused("adam(0.9)").ends_with("`0.9` is not NAME=VALUE"));
    }
}
