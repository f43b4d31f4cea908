//! `layerloop bench`, and that neither threads nor instruction sets change a bit.

use layerloop_kernels::Isa;

use super::{Folder, Said};

#[test]
fn a_job_is_measured_with_its_rate_and_its_weights() {
    let folder = Folder::new();
    let tiny = folder.run(&["bench", "--job", "tiny", "--repeats", "2", "--json"]).well();
    assert_eq!(tiny.out.lines().count(), 1);
    let tiny = tiny.last();
    assert_eq!(tiny["network"], "20 -> 64 relu -> 64 relu -> 2 -> softmax");
    assert_eq!(tiny["all_s"].as_array().map(Vec::len), Some(2));
    let number = |name: &str| tiny[name].as_f64().expect(name);
    // 10,000 rows, 20 epochs, 2 (3 (20 64 + 64 64 + 64 2) - 20 64) operations each.
    assert!((number("gflop") - 6.0928).abs() < 1e-9);
    assert!((number("gflops") * number("train_s") / 6.0928 - 1.0).abs() < 1e-9);
    assert!(number("accuracy") > 0.9);

    let text = folder.run(&["bench", "--job", "peak", "--job", "tiny", "--repeats", "1", "--threads", "1"]).well().out;
    assert!(text.starts_with("peak") && text.contains("% of the peak"), "{text}");
}

#[test]
fn odd_widths_give_one_hash_for_all_threads_and_instruction_sets() {
    let folder = Folder::new();
    for job in ["odd-relu-adam", "odd-relu-sgd", "odd-tanh-adam", "odd-tanh-sgd"] {
        let mut hashes = Vec::new();
        for (isa, threads) in Isa::available().into_iter().flat_map(|isa| ["1", "2", "3", "4", "7"].map(|t| (isa, t))) {
            let mut run = folder.command(&["bench", "--json", "--repeats", "1", "--job", job, "--threads", threads]);
            let said = Said::new(run.env("LAYERLOOP_ISA", isa.name()).output().expect("the binary starts")).well();
            assert_eq!(said.last()["isa"], isa.name());
            hashes.push(said.last()["weights_sha256"].to_string());
        }
        assert!(hashes.iter().all(|hash| hash.len() == 66 && *hash == hashes[0]), "{job}: {hashes:?}");
    }
}

#[test]
fn wrong_calls_are_refused() {
    let folder = Folder::new();
    folder.run(&["bench", "--job", "huge"]).refusal(2);
    folder.run(&["bench", "--threads", "0"]).refusal(2);
    folder.run(&["bench", "--repeats", "0"]).refusal(2);
    let mut run = folder.command(&["bench", "--job", "tiny"]);
    let said = Said::new(run.env("LAYERLOOP_ISA", "mmx").output().expect("the binary starts"));
    assert!(said.refusal(2).starts_with("error: LAYERLOOP_ISA: `mmx` is not among"), "{said:?}");
    // No MNIST, no download.
    folder.run(&["bench", "--job", "notebook", "--data-dir", "."]).refusal(1);
}
