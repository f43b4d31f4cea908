//! Closed sets as tables: each choice with its name, its equation, and its numbers with their default values.
//!
//! One line of a table is all that the command line, the text form, the model file and `layerloop list` know of a member.

/// A closed set of choices; [`named_enum!`](crate::named_enum) makes one.
pub trait NamedEnum: Copy + PartialEq + 'static {
    /// What is chosen, for messages: `activation`.
    const WHAT: &'static str;
    /// Every choice, its numbers at their default values.
    const ALL: &'static [Self];

    /// Its name wherever it is text.
    fn name(self) -> &'static str;
    /// Other names that it is known by elsewhere, and that are read as it.
    fn aliases(self) -> &'static [&'static str];
    /// Its equation, the first line of its documentation.
    fn equation(self) -> &'static str;
    /// The rest of its documentation, in one line; empty if there is none.
    fn notes(self) -> &'static str;
    /// The names and values of its numbers.
    fn numbers(self) -> Vec<(&'static str, String)>;
    /// What each of its numbers is, and which values it can have: in the order of [`NamedEnum::numbers`].
    fn ranges(self) -> &'static [[&'static str; 2]];
    /// The same choice with another value for a number.
    ///
    /// # Errors
    /// If it has no such number, or it cannot have this value: the reason.
    fn with(self, number: &str, value: &str) -> Result<Self, String>;

    /// Its source: what follows `Source:` in its documentation.
    fn source(self) -> Option<&'static str> {
        self.notes().split_once("Source:").map(|(_, source)| source.trim_ascii())
    }

    /// Whether `other` is the same choice, whatever its numbers.
    fn is(self, other: Self) -> bool {
        self.name() == other.name()
    }
}

/// An enum that is a [`NamedEnum`].
///
/// ```
/// layerloop_kernels::named_enum! {
///     /// How to bend a line.
///     pub enum Bend: "bend" {
///         /// y = x
///         Not = "not",
///         /// y = max(x, a x)
///         ///
///         /// Source: Somebody 2001.
///         Once = "once" | "kink" {
///             /// The slope below 0.
///             a: f32 = 0.01, "at least 0" if a >= 0.0,
///         },
///     }
/// }
/// use layerloop_kernels::NamedEnum;
/// assert_eq!(Bend::ALL, [Bend::Not, Bend::Once { a: 0.01 }]);
/// assert_eq!(Bend::ALL[1].aliases(), ["kink"]);
/// assert_eq!(Bend::ALL[1].equation(), "y = max(x, a x)");
/// assert_eq!(Bend::ALL[1].source(), Some("Somebody 2001."));
/// assert_eq!(Bend::ALL[1].ranges(), [["The slope below 0.", "at least 0"]]);
/// assert_eq!(Bend::ALL[1].with("a", "0.5"), Ok(Bend::Once { a: 0.5 }));
/// assert_eq!(Bend::ALL[1].with("a", "-1"), Err("a: -1; it is at least 0".into()));
/// ```
#[macro_export]
macro_rules! named_enum {
    ($(#[$meta:meta])* pub enum $set:ident: $what:literal { $(
        #[doc = $equation:literal] $(#[doc = $more:literal])* $choice:ident = $name:literal $(| $alias:literal)* $({ $(
            $(#[doc = $about:literal])* $number:ident: $type:ty = $default:expr, $range:literal if $fits:expr
        ),* $(,)? })?
    ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum $set { $(
            #[doc = $equation] $(#[doc = $more])* $choice $({ $($(#[doc = $about])* $number: $type),* })?
        ),* }

        impl $set {
            /// Every choice, its numbers at their default values.
            pub const ALL: &'static [Self] = &[$(Self::$choice $({ $($number: $default),* })?),*];
        }

        impl $crate::NamedEnum for $set {
            const WHAT: &'static str = $what;
            const ALL: &'static [Self] = Self::ALL;

            fn name(self) -> &'static str {
                match self { $(Self::$choice { .. } => $name),* }
            }
            fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$choice { .. } => &[$($alias),*]),* }
            }
            fn equation(self) -> &'static str {
                match self { $(Self::$choice { .. } => $equation.trim_ascii()),* }
            }
            fn notes(self) -> &'static str {
                match self { $(Self::$choice { .. } => concat!($($more),*).trim_ascii()),* }
            }
            fn ranges(self) -> &'static [[&'static str; 2]] {
                match self { $(
                    Self::$choice { .. } => {
                        const { &[$($([concat!($($about),*).trim_ascii(), $range]),*)?] }
                    }
                ),* }
            }
            fn numbers(self) -> ::std::vec::Vec<(&'static str, ::std::string::String)> {
                match self { $(
                    Self::$choice { $($($number),*)? } => vec![$($((stringify!($number), $number.to_string())),*)?]
                ),* }
            }
            #[allow(unused_mut, unused_variables, irrefutable_let_patterns, reason = "sets of one choice, or of no numbers")]
            fn with(mut self, number: &str, value: &str) -> ::std::result::Result<Self, ::std::string::String> {
                match self { $(
                    Self::$choice { .. } => { $($(
                        if number == stringify!($number) {
                            let fits = |$number: $type| $fits;
                            let new = value.parse().ok().filter(|new| fits(*new));
                            let new = new.ok_or_else(|| format!("{number}: {value}; it is {}", $range))?;
                            if let Self::$choice { $number: old, .. } = &mut self {
                                *old = new;
                            }
                            return Ok(self);
                        }
                    )*)? }
                ),* }
                Err(format!("`{}` has no `{number}`", self.name()))
            }
        }
    };
}
