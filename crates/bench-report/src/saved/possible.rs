//! Whether what a file says can be: anyone can edit it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The largest number that a program counts to, and that a double holds exactly. Sums
/// of a thousand such files are still far from what a number holds.
const MAX: f64 = (1_u64 << 53) as f64;

/// What is requested, not counted: a seed is any number.
const REQUESTED: &str = "arguments";

/// Results whose figures are all possible.
pub(super) struct Possible;

impl<'de> Deserialize<'de> for Possible {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Figures)
    }
}

struct Figures;

impl<'de> Visitor<'de> for Figures {
    type Value = Possible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("figures")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Possible, E> {
        if number.abs() <= MAX {
            Ok(Possible)
        } else {
            Err(E::custom(format_args!("{number:e} is out of range")))
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Possible, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Possible, E> {
        self.visit_f64(number as f64)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Possible, E> {
        Ok(Possible)
    }

    fn visit_str<E>(self, _: &str) -> Result<Possible, E> {
        Ok(Possible)
    }

    fn visit_unit<E>(self) -> Result<Possible, E> {
        Ok(Possible)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Possible, A::Error> {
        while seq.next_element::<Possible>()?.is_some() {}
        Ok(Possible)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Possible, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == REQUESTED {
                let _: IgnoredAny = map.next_value()?;
            } else {
                let Possible = map.next_value()?;
            }
        }
        Ok(Possible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_that_a_double_holds() {
        let is_possible = |text: &str| serde_json::from_str::<Possible>(text).is_ok();
        for text in [
            r#"{"a": [null, true, "18446744073709551615", {"b": 9007199254740992}]}"#,
            r#"{"arguments": {"seed": 18446744073709551615}}"#,
            "-9007199254740992",
            "0.1",
        ] {
            assert!(is_possible(text), "{text}");
        }
        for text in [
            r#"{"a": [1, {"b": 18446744073709551615}]}"#,
            r#"{"a": 1e308}"#,
            "[-1e17]",
        ] {
            assert!(!is_possible(text), "{text}");
        }
    }
}
