//! What this machine can do at best.

use layerloop_kernels::{Team, peak};
use serde_json::json;

use super::{Measured, Setting};

pub(super) fn measure(setting: &mut Setting) -> Measured {
    let Setting { threads, isa, .. } = *setting;
    let rates = |threads| {
        let mut team = Team::new(threads, isa);
        [peak::fma_rate(&mut team), peak::read_rate(&mut team, peak::BEYOND_CACHES)]
    };
    let ([fma_1, read_1], [fma, read]) = (rates(1), rates(threads));
    let round_trip = peak::round_trip();
    setting.peak = Some(fma);
    Measured {
        object: json!({
            "job": "peak", "threads": threads, "isa": isa.name(), "fma_gflops": fma, "read_gbps": read,
            "fma_gflops_1_thread": fma_1, "read_gbps_1_thread": read_1,
            "round_trip_ns": round_trip,
        }),
        text: format!(
            "peak      {isa}: {fma:.0} Gflop/s of f32 fused multiply-adds on {threads} threads ({fma_1:.0} on one), \
             {read:.0} GB/s read from memory ({read_1:.0}), {round_trip:.0} ns from thread to thread and back",
            isa = isa.name()
        ),
    }
}
