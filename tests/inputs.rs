//! However the same inputs come in (bytes, numbers, entries; with columns that are 0 in every row), a network is the same to the bit.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use layerloop::Result;
use layerloop::data::{Csr, Dataset, Inputs};
use layerloop::network::Network;
use layerloop::rng::Stream;
use layerloop::train::{FitOptions, Learner, Optimizer, fit, loss_and_gradient};

const WIDTH: usize = 40;
const ROWS: usize = 90;

/// The share of values that are not 0, which decides by which of its ways rows enter the first layer.
const SHARES: [f32; 4] = [0.0, 0.03, 0.3, 0.9];

/// Networks in which layers with and without a bias read the inputs, alone and side by side.
const NETWORKS: [&str; 9] = [
    "40 -> 33 relu -> 3",
    "40 -> 33 relu no-bias -> 3",
    "40 -> 3 no-bias",
    "40 -> 2 no-bias -> batch-norm -> 3",
    "40 -> parallel(8 no-bias | 8 elu) -> 3",
    "40 -> parallel(8 no-bias | 17 no-bias tanh, join=concatenate) -> 3",
    "40 -> skip(8 no-bias -> 40) -> 3",
    "40 -> scale -> 8 no-bias -> 3",
    "40 -> dropout=0.2 -> 8 no-bias tanh -> 3",
];

/// Whole numbers below 256, `share` of them not 0; the columns of `zeros` are 0 in every row.
fn rows(share: f32, zeros: &[usize], seed: u64) -> Vec<u8> {
    let mut stream = Stream::new(seed, "rows", 0);
    let byte = |column: usize, [chance, size]: [f32; 2]| {
        if chance < share && !zeros.contains(&column) { 1 + (254.0 * size) as u8 } else { 0 }
    };
    (0..ROWS * WIDTH).map(|i| byte(i % WIDTH, [stream.uniform(), stream.uniform()])).collect()
}

/// The same rows as bytes, as numbers and as entries.
fn data_sets(bytes: &[u8]) -> [Dataset; 3] {
    const SCALE: f32 = 1.0 / 256.0;
    let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) * SCALE).collect();
    let entries: Vec<usize> = (0..floats.len()).filter(|&i| floats[i] != 0.0).collect();
    let starts = (0..=ROWS).map(|row| entries.partition_point(|&i| i < row * WIDTH)).collect();
    let columns = entries.iter().map(|i| (i % WIDTH) as u32).collect();
    let csr = Csr::new(WIDTH, starts, columns, entries.iter().map(|&i| floats[i]).collect()).unwrap();
    let labels: Vec<u32> = (0..ROWS).map(|row| (row * 7 % 3) as u32).collect();
    let bytes = Inputs::Bytes { values: bytes.into(), scale: SCALE };
    [bytes, Inputs::Floats(floats.into()), Inputs::Sparse(csr.into())]
        .map(|inputs| Dataset::new("test", inputs, WIDTH, labels.clone(), ["a", "b", "c"]).unwrap())
}

/// A step that is fused with its gradient, one that waits for the whole of it, and one that moves weights without a gradient.
fn ways_to_step() -> [FitOptions; 4] {
    let options = FitOptions { epochs: 3, batch: 32, threads: Some(2), ..FitOptions::default() };
    [
        options.clone(),
        FitOptions { clip_norm: Some(0.1), ..options.clone() },
        FitOptions { optimizer: Optimizer::Sgd, accumulate: 2, ..options.clone() },
        FitOptions { l2: 0.01, ..options },
    ]
}

/// A first layer without a bias panicked where a column was 0 in every row, since the list of the rows that take part always
/// ended with the bias; so it did where all columns were. Rows of entries panicked with any such layer.
#[test]
fn a_network_is_the_same_whatever_its_inputs_are_kept_as() -> Result<()> {
    for share in SHARES {
        let data = data_sets(&rows(share, &[0, 7, 8, 31, 39], 1));
        for text in NETWORKS {
            for options in ways_to_step() {
                let trained = data.each_ref().map(|data| {
                    let mut network = Network::new(&text.parse().unwrap(), 3).unwrap();
                    fit(&mut network, data, &options).unwrap();
                    let (loss, gradient) = loss_and_gradient(&network, data, 1).unwrap();
                    let bits: Vec<u32> = gradient.into_iter().map(f32::to_bits).collect();
                    (network.sha256(), loss.to_bits(), bits)
                });
                assert_eq!(trained[0], trained[1], "{text}, {share}, bytes and numbers");
                assert_eq!(trained[1], trained[2], "{text}, {share}, numbers and entries");
            }
        }
    }
    Ok(())
}

/// A column that was left out since it is 0 in all of the new rows kept its moments of the earlier ones: with momentum its
/// weights stopped at once, where entries let them move on.
#[test]
fn passes_over_other_data_are_the_same_whatever_their_inputs_are_kept_as() -> Result<()> {
    let passes = [(0.3, vec![0, 7]), (0.3, vec![1, 7, 20]), (0.9, vec![0, 7]), (0.03, vec![5, 6]), (0.3, vec![0, 7])];
    for text in NETWORKS {
        for options in ways_to_step() {
            let mut learners = [(); 3].map(|()| {
                let network = Network::new(&text.parse().unwrap(), 3).unwrap();
                Learner::new(network, options.clone())
            });
            for (share, zeros) in &passes {
                let data = data_sets(&rows(*share, zeros, 1));
                for (learner, data) in learners.iter_mut().zip(&data) {
                    learner.partial_fit(data)?;
                }
            }
            let trained = learners.map(|learner| learner.network().sha256());
            assert_eq!(trained[0], trained[1], "{text}, bytes and numbers");
            assert_eq!(trained[1], trained[2], "{text}, numbers and entries");
        }
    }
    Ok(())
}
