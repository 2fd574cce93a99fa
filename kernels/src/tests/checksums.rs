//! Results of one processor have the bits of another one.
//!
//! `checksums.txt` has a checksum of the results of each group of kernels: with a fused multiply-add
//! as AVX2 gives them, and without one as arrays do. Every tier must give the checksums of its kind.
//!
//! On a processor with AVX2, this writes the file:
//! `SHAPEWRIGHT_WRITE=1 cargo test -p shapewright-kernels checksums`.

use super::super::{F32Kernels, Kernels, Matrix, Product, Resample, Start, product_memory};
use super::{Guarded, LENGTHS, Level, all_tiers, is_fused, numbers};
use super::{agreement, attention, convolutions, norms, recurrent};
use crate::tier::Tier;

/// Lengths of sums and products: in several blocks, also with a rest.
const LONG: [usize; 4] = [255, 700, 3000, 70_000];

fn sums(kernels: F32Kernels) -> Vec<f32> {
    let mut out = Vec::new();
    for len in LENGTHS.iter().copied().chain(LONG) {
        let x = numbers(1, len);
        let y = numbers(2, len);
        out.extend([kernels.sum(&x), kernels.dot(&x, &y)]);
    }
    out
}

fn products(kernels: F32Kernels) -> Vec<f32> {
    let sizes = [
        (1, 33, 700),
        (1, 1, 3000),
        (7, 1, 300),
        (5, 3, 70_000),
        (37, 70, 600),
        (64, 100, 33),
    ];

    let mut out = Vec::new();
    for (m, n, k) in sizes {
        for transposed in [false, true] {
            let a = numbers(3, m * k);
            let b = numbers(4, k * n);
            let bias = numbers(5, n);
            let mut c = vec![0.0; m * n];

            kernels.product(Product {
                m,
                n,
                k,
                a: Matrix::row_major(&a, k),
                b: if transposed {
                    Matrix::row_major(&b, k).transposed()
                } else {
                    Matrix::row_major(&b, n)
                },
                c: &mut c,
                c_stride: n,
                start: Start::Bias(&bias),
                relu: transposed,
                whole: m,
                memory: &mut Guarded::empty(product_memory(m, n, k, transposed)),
            });
            out.extend(c);
        }
    }
    out
}

fn resampled(kernels: F32Kernels) -> Vec<f32> {
    let mut out = Vec::new();
    for (channels, bilinear) in [(1, true), (3, true), (3, false)] {
        let from = numbers(6, 9 * 7 * channels);
        let mut to = vec![0.0; from.len()];
        kernels.resample(
            Resample {
                from: &from,
                height: 9,
                width: 7,
                channels,
                map: [[0.8, -0.6, 1.37], [0.6, 0.8, -0.91]],
                bilinear,
                fill: 0.25,
            },
            &mut to,
        );
        out.extend(to);
    }
    out
}

/// Returns the results of each group of kernels.
fn groups(kernels: F32Kernels) -> Vec<(String, Vec<f32>)> {
    let mut normalized = Vec::new();
    norms::everything(kernels, &mut normalized);

    let mut groups: Vec<_> = LENGTHS
        .iter()
        .map(|&len| (format!("length {len}"), agreement::everything(kernels, len)))
        .collect();
    for (name, results) in [
        ("sums", sums(kernels)),
        ("products", products(kernels)),
        ("convolutions", convolutions::everything(kernels)),
        ("norms", normalized),
        ("attention", attention::everything(kernels)),
        ("recurrent", recurrent::everything(kernels)),
        ("resampling", resampled(kernels)),
    ] {
        groups.push((name.to_owned(), results));
    }
    groups
}

/// Returns a line with the checksum (FNV-1a) of each group.
fn lines(kernels: F32Kernels) -> Vec<String> {
    let kind = if is_fused(kernels.tier()) {
        "fused"
    } else {
        "plain"
    };
    groups(kernels)
        .into_iter()
        .map(|(name, results)| {
            let mut sum = 0xcbf2_9ce4_8422_2325_u64;
            for x in results {
                // Processors differ in the sign and the payload of a NaN.
                let bits = if x.is_nan() { f32::NAN } else { x }.to_bits();
                for byte in bits.to_le_bytes() {
                    sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
            }
            format!("{kind}, {name}: {sum:016x}")
        })
        .collect()
}

#[test]
#[cfg_attr(miri, ignore = "takes long")]
fn checksums_are_those_of_other_processors() {
    if std::env::var_os("SHAPEWRIGHT_WRITE").is_some() {
        let fused = F32Kernels::of(Tier::Avx2).expect("a processor with AVX2");
        let lines = [lines(fused), lines(F32Kernels(Level::Arrays))].concat();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/checksums.txt");
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
        return;
    }

    let known: Vec<&str> = include_str!("checksums.txt").lines().collect();
    let mut wrong = Vec::new();
    for kernels in all_tiers() {
        for line in lines(kernels) {
            if !known.contains(&&line[..]) {
                wrong.push(format!("{}: {line}", kernels.tier()));
            }
        }
    }
    assert!(wrong.is_empty(), "other bits:\n{}", wrong.join("\n"));
}
