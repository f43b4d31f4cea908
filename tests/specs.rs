//! Specifications: what [`Spec::check`] accepts comes back from its text, from JSON and from a file; what it refuses breaks nothing.

use layerloop::data::{Dataset, Inputs};
use layerloop::model_file::Model;
use layerloop::names::NamedEnum;
use layerloop::network::{Activation, Dense, Init, Join, Layer, Network, Output, Spec, Unit};
use layerloop::train::{Better, ClassWeights, EarlyStopping, FitOptions, fit};
use layerloop::{Error, Result};

/// Random numbers: Steele, Lea and Flood 2014, SplitMix.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Of a closed set, with some of its numbers changed within their ranges.
    fn choice<T: NamedEnum>(&mut self) -> T {
        let mut choice = self.one_of(T::ALL);
        for (number, _) in choice.numbers() {
            let value =
                self.one_of(&["0.25", "0.1", "1e-7", "3", "1", "2", "-0.5", "1e30", "0", "12345678", "0.30000001"]);
            if self.below(2) == 0 {
                choice = choice.with(number, value).unwrap_or(choice);
            }
        }
        choice
    }

    /// Numbers that are in no range, or at its end.
    fn hostile(&mut self) -> Layer {
        let x = self.one_of(&[f32::NAN, f32::INFINITY, -1.0, 2.0, 9.0, 0.0, -0.0, 1e-45, 1.0]);
        let n = self.one_of(&[0, 1, 3, usize::MAX]);
        let dense = |activation, init| Layer::Dense(Dense { init, ..Dense::new(6, activation) });
        let kinds = [
            Layer::Unit(Unit::Dropout { rate: x }),
            Layer::Unit(Unit::AlphaDropout { rate: x }),
            Layer::Unit(Unit::BatchNorm { momentum: x, epsilon: 1e-5 }),
            Layer::Unit(Unit::BatchNorm { momentum: 0.1, epsilon: x }),
            Layer::Unit(Unit::LayerNorm { epsilon: x }),
            Layer::Unit(Unit::Prelu { start: x }),
            Layer::Unit(Unit::Rrelu { lower: 0.1, upper: x }),
            Layer::Unit(Unit::Maxout { pieces: n }),
            Layer::Unit(Unit::Bilinear { width: n }),
            Layer::Unit(Unit::Embedding { count: n, width: 1 }),
            Layer::Activation(Activation::Elu { a: x }),
            dense(Activation::Celu { a: x }, Init::Default),
            dense(Activation::Trelu { theta: x }, Init::Default),
            dense(Activation::Tanh, Init::Constant { value: x }),
            dense(Activation::Tanh, Init::Sparse { sparsity: x.into(), std: 0.1 }),
            Layer::Skip(vec![], Join::Add),
            Layer::Parallel(vec![], Join::Add),
            Layer::Parallel(vec![vec![dense(Activation::Tanh, Init::Default)], vec![]], Join::Add),
        ];
        kinds[self.below(kinds.len())].clone()
    }

    fn layer(&mut self, depth: usize) -> Layer {
        let bias = self.below(4) > 0;
        match self.below(if depth < 3 { 10 } else { 7 }) {
            0..=2 => Layer::Dense(Dense { width: 6, activation: self.choice(), bias, init: self.choice() }),
            3 | 4 => Layer::Unit(self.choice()),
            5 => Layer::Activation(self.choice()),
            6 => {
                if self.below(8) == 0 {
                    self.hostile()
                } else {
                    Layer::Dense(Dense::new(6, Activation::Identity))
                }
            }
            7 => Layer::Skip(self.chain(depth + 1), self.one_of(Join::ALL)),
            _ => {
                let chains = (0..1 + self.below(3)).map(|_| self.chain(depth + 1)).collect();
                Layer::Parallel(chains, self.one_of(Join::ALL))
            }
        }
    }

    fn chain(&mut self, depth: usize) -> Vec<Layer> {
        (0..1 + self.below(3)).map(|_| self.layer(depth)).collect()
    }

    fn spec(&mut self) -> Spec {
        let mut layers = self.chain(0);
        if self.below(8) > 0 {
            layers.push(Layer::Dense(Dense::new(1 + self.below(3), Activation::Identity)));
        }
        Spec { inputs: 6, layers, output: self.one_of(Output::ALL) }
    }
}

/// `Dropout { rate: 2.0 }`, a momentum of 9, `Elu { a: NAN }` and an empty skip were trained and saved, and could not be loaded.
#[test]
fn what_is_accepted_comes_back_from_text_and_file_and_what_is_not_is_no_network() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    let (mut random, mut accepted) = (Random(14), 0);
    for _ in 0..4000 {
        let spec = random.spec();
        let Ok(()) = spec.check() else {
            assert!(matches!(Network::new(&spec, 0), Err(Error::Config { .. })), "{spec:?}");
            continue;
        };
        let text = spec.to_string();
        assert_eq!(text.parse::<Spec>()?, spec, "{text}");
        let json = serde_json::to_string(&spec).expect("JSON");
        assert_eq!(serde_json::from_str::<Spec>(&json).expect("a text"), spec, "{json}");
        if spec.parameters() > 20_000 {
            continue;
        }
        let Ok(network) = Network::new(&spec, 3) else { continue }; // weights beyond f32
        accepted += 1;
        if accepted > 150 {
            continue; // a file is written to the disk
        }
        let names = (0..spec.classes()).map(|class| format!("c{class}"));
        let data = Dataset::new("d", Inputs::Floats(vec![1.0; 6].into()), 6, vec![0], names)?;
        Model::new(network.clone(), &data, serde_json::Value::Null).save(&path)?;
        let back = Model::load(&path)?.network;
        assert_eq!((back.spec(), back.sha256()), (&spec, network.sha256()), "{text}");
    }
    assert!(accepted > 500, "{accepted} of 4000 are networks; the test is to see many");
    Ok(())
}

#[test]
fn numbers_outside_their_range_and_chains_without_layers_are_refused_with_their_place() {
    let spec = |layer: Layer| Spec::new(6).layer(6, Activation::Tanh).then(layer).layer(2, Activation::Identity);
    let dense = || Layer::Dense(Dense::new(6, Activation::Identity));
    let nan = Layer::Dense(Dense::new(6, Activation::Elu { a: f32::NAN }));
    let cases = [
        (Layer::Unit(Unit::Dropout { rate: 2.0 }), "layer 2: layer: `dropout`: rate: 2; it is at least 0 and below 1"),
        (
            Layer::Unit(Unit::BatchNorm { momentum: 9.0, epsilon: 1e-5 }),
            "layer 2: layer: `batch-norm`: momentum: 9; it is above 0 and at most 1",
        ),
        (nan.clone(), "layer 2: activation: `elu`: a: NaN; it is a number above 0"),
        (
            Layer::Parallel(vec![vec![dense()], vec![dense(), nan]], Join::Add),
            "layer 2.2.2: activation: `elu`: a: NaN;",
        ),
        (
            Layer::Dense(Dense { init: Init::Constant { value: f32::INFINITY }, ..Dense::new(6, Activation::Tanh) }),
            "layer 2: initialiser: `constant`: value: inf; it is a finite number",
        ),
        (Layer::Unit(Unit::Maxout { pieces: 0 }), "layer 2: layer: `maxout`: pieces: 0; it is at least 1"),
        (Layer::Skip(vec![], Join::Add), "layer 2: the chain of a skip has no layers"),
        (Layer::Parallel(vec![], Join::Add), "layer 2: parallel has no layers"),
        (Layer::Parallel(vec![vec![dense()], vec![]], Join::Add), "layer 2: chain 2 of parallel has no layers"),
    ];
    for (layer, piece) in cases {
        let said = spec(layer).check().expect_err("refused").to_string();
        assert!(said.starts_with(piece), "{said}");
    }
}

/// So deep, each of them ran over the end of the stack: reading, checking, building, printing, dropping.
#[test]
fn chains_are_nested_64_deep_and_no_deeper() {
    let nested =
        |what: &str, depth: usize| format!("6 -> {}6{} -> 2", format!("{what}(").repeat(depth), ")".repeat(depth));
    for what in ["skip", "parallel"] {
        let spec: Spec = nested(what, 64).parse().expect("64 are possible");
        assert_eq!(spec.to_string().parse::<Spec>().expect("its own text"), spec);
        let mut network = Network::new(&spec, 0).expect("a network");
        let data =
            Dataset::new("d", Inputs::Floats(vec![0.5; 12].into()), 6, vec![0, 1], ["a", "b"]).expect("two rows");
        fit(&mut network, &data, &FitOptions { epochs: 1, ..FitOptions::default() }).expect("it learns");
        for depth in [65, 8000, 100_000] {
            let said = nested(what, depth).parse::<Spec>().expect_err("refused").to_string();
            let character = 6 + 65 * (what.len() + 1) - 1;
            assert!(said.contains(&format!("character {character}: chains are nested more than 64 deep")), "{said}");
            assert!(said.len() < 300, "{said}");
        }
    }
    let open = format!("6 -> {}", "skip(".repeat(21_000));
    assert!(open.parse::<Spec>().expect_err("refused").to_string().contains("nested more than 64 deep"));
    for depth in [65, 200_000] {
        let wrap = |layer: Layer| {
            if depth % 2 == 0 {
                Layer::Parallel(vec![vec![layer]], Join::Add)
            } else {
                Layer::Skip(vec![layer], Join::Add)
            }
        };
        let deep = (0..depth).fold(Layer::Dense(Dense::new(6, Activation::Identity)), |layer, _| wrap(layer));
        let spec = Spec::new(6).layer(6, Activation::Tanh).then(deep).layer(2, Activation::Identity);
        let said = spec.check().expect_err("refused").to_string();
        assert_eq!(said, "layer 2: its chains are nested more than 64 deep");
        assert_eq!(Network::new(&spec, 0).map(drop).expect_err("refused").to_string(), said);
        assert_eq!((spec.parameters(), spec.shapes(), spec.logits()), (0, vec![], 0));
        assert!(spec.to_string().contains("(...)"), "{}", spec.to_string().len());
    }
}

/// The text of a model file and of a checkpoint is that of a specification in JSON; and JSON may be nested too.
#[test]
fn files_with_texts_that_are_nested_too_deep_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    let spec = Spec::new(1).layer(2, Activation::Identity);
    let data = Dataset::new("d", Inputs::Floats(vec![0.5; 2].into()), 1, vec![0, 1], ["a", "b"]).expect("two rows");
    Model::new(Network::new(&spec, 0).expect("a network"), &data, serde_json::json!("HERE"))
        .save(&path)
        .expect("saved");
    let bytes = std::fs::read(&path).expect("a file");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header = String::from_utf8(bytes[8..8 + length].to_vec()).expect("text");
    for depth in [65, 20_000] {
        let deep = format!("1 -> {}2{}", "skip(".repeat(depth), ")".repeat(depth));
        let list = format!("{}{}", "[".repeat(depth * 2), "]".repeat(depth * 2));
        for (from, to, piece) in [
            ("1 -> 2 -> softmax", deep.as_str(), "chains are nested more than 64 deep"),
            (r#"\"HERE\""#, list.as_str(), "recursion limit exceeded"),
        ] {
            assert!(header.contains(from), "{header}");
            let mut header = header.replacen(from, to, 1);
            header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
            let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8 + length..]].concat();
            std::fs::write(&path, file).expect("written");
            let said = Model::load(&path).map(drop).expect_err("refused").to_string();
            assert!(said.contains(piece), "{said}");
        }
    }
    let receipt: serde_json::Value = (0..200).fold(serde_json::Value::Null, |inner, _| serde_json::json!([inner]));
    let said = Model::new(Network::new(&spec, 0).expect("a network"), &data, receipt).save(&path).expect_err("refused");
    assert!(said.to_string().contains("not saved: recursion limit exceeded"), "{said}");
}

/// Options too can be read again, custom members by their name; what is unknown is refused.
#[test]
fn options_come_back_from_json() {
    let text = r#"{ "optimizer": "adam(beta_1=0.8)", "schedule": "cosine", "metrics": ["auc", "f1"], "time_limit": 1.5,
        "layer_rates": [{ "layer": "2.1", "factor": 0.5 }], "objective": { "loss": "focal", "class_weights": "balanced" } }"#;
    let options: FitOptions = serde_json::from_str(text).unwrap();
    assert_eq!(options.time_limit, Some(std::time::Duration::from_millis(1500)));
    assert_eq!(options.objective.class_weights, ClassWeights::Balanced);
    let early_stopping = Some(EarlyStopping { better: Some(Better::Higher), ..EarlyStopping::on("val_f1") });
    for options in [FitOptions::default(), FitOptions { early_stopping, ..options }] {
        let written = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<FitOptions>(&written).unwrap(), options, "{written}");
    }
    for (wrong, said) in [(r#"{ "optimizer": "adm" }"#, "`adam`?"), (r#"{ "epoch": 3 }"#, "unknown field `epoch`")] {
        let error = serde_json::from_str::<FitOptions>(wrong).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
