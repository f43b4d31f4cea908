//! Members of closed sets in JSON and the like: as their text.

/// Serialises types as one text: `write` makes it, `read` takes it back.
macro_rules! serde_as_text {
    ($type:ty, $write:expr, $read:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                let write: fn(&Self) -> String = $write;
                serializer.serialize_str(&write(self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let read: fn(&str) -> crate::Result<Self> = $read;
                read(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
    ($type:ty) => {
        crate::names::serialised::serde_as_text!($type, |choice| crate::names::text(*choice), crate::names::parse);
    };
}
pub(crate) use serde_as_text;

/// Seconds, which may be missing: `#[serde(with = "crate::names::serialised::seconds")]`.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(serde::de::Error::custom)
    }
}
