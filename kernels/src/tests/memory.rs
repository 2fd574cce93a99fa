//! The memory that kernels are handed.

use proptest::prelude::*;

use super::super::{
    Axis, Conv, ConvInputGrad, ConvSizes, Divisor, Kernels, Plane, Reach, product_memory, sizes,
};
use super::{Guarded, all_tiers, bits, cases, numbers};
use crate::memory::{PartMemory, TIERS};

/// The layers of LeNet.
const LENET: [ConvSizes; 2] = [
    convolution([28, 28], [1, 6], 5, 0),
    convolution([12, 12], [6, 16], 5, 0),
];
const LENET_MEMORY: [usize; 2] = [LENET[0].forward_memory(1, 1), LENET[1].forward_memory(1, 1)];

const fn convolution(
    size: [usize; 2],
    [channels, out_channels]: [usize; 2],
    kernel: usize,
    pad: usize,
) -> ConvSizes {
    ConvSizes {
        size,
        channels,
        out: [
            size[0] + 2 * pad + 1 - kernel,
            size[1] + 2 * pad + 1 - kernel,
        ],
        out_channels,
        kernel: [kernel, kernel],
        stride: [1, 1],
        pad: [pad, pad],
        dilation: [1, 1],
        groups: 1,
    }
}

/// On microcontrollers nothing is packed.
#[test]
fn small_networks_need_little_memory() {
    let packs = TIERS.iter().any(|tier| tier.packs);
    assert_eq!(LENET_MEMORY[0], 0);
    assert_eq!(LENET_MEMORY[1] > 0, packs);
    assert!(LENET_MEMORY[1] <= 8 * 152);

    assert_eq!(product_memory(1, 1000, 1000, false), 0);
    assert_eq!(product_memory(1, 1000, 1000, true), 0);
    assert_eq!(product_memory(100, 64, 1000, false), 0);
    assert!(product_memory(usize::MAX, usize::MAX, usize::MAX, true) >= 64 * 256);
}

#[test]
fn sizes_that_wrap_or_do_not_exist_need_no_arithmetic() {
    let far = 1 << (usize::BITS - 2);
    let fine = convolution([8, 8], [16, 16], 3, 1);
    for sizes in [
        ConvSizes {
            channels: far,
            ..fine
        },
        ConvSizes {
            stride: [1, far],
            dilation: [far, far],
            ..fine
        },
        ConvSizes { groups: 0, ..fine },
        ConvSizes {
            kernel: [0, 3],
            ..fine
        },
        ConvSizes {
            size: [0, 0],
            out: [0, 0],
            ..fine
        },
    ] {
        assert_eq!(sizes.forward_memory(usize::MAX, usize::MAX), 0);
        assert_eq!(sizes.input_grad_memory(usize::MAX, usize::MAX), 0);
        assert_eq!(sizes.weight_grad_memory(usize::MAX, usize::MAX), 0);
    }

    // A length that does not fit into memory is `TOO_LARGE`, and does not wrap.
    let parts = usize::MAX;
    assert_eq!(fine.weight_grad_memory(usize::MAX, parts), {
        fine.weight_grad_memory(usize::MAX, 16)
    });
    let wide = convolution([64, 64], [3, 3], 3, 1);
    assert_eq!(wide.weight_grad_memory(usize::MAX, parts), sizes::TOO_LARGE);
}

fn any_sizes() -> impl Strategy<Value = ConvSizes> {
    let channels = || prop_oneof![1_usize..80, (1_usize..5).prop_map(|n| 16 * n)];
    (
        3_usize..60,
        3_usize..60,
        channels(),
        channels(),
        1_usize..4,
        0_usize..3,
    )
        .prop_map(|(height, width, ci, co, kernel, pad)| {
            convolution([height, width], [ci, co], kernel, pad)
        })
}

proptest! {
    #![proptest_config(cases())]

    /// Memory for a large batch is enough for its parts and for smaller batches.
    #[test]
    fn more_samples_need_no_less_memory(
        conv in any_sizes(),
        samples in 1_usize..100,
        whole in 1_usize..200,
        more in 0_usize..100,
    ) {
        for (samples, whole, many, all) in [
            (samples, whole, samples + more, whole + more),
            (samples, whole, samples, usize::MAX),
            (samples, whole, usize::MAX, usize::MAX),
        ] {
            prop_assert!(conv.forward_memory(samples, whole) <= conv.forward_memory(many, all));
            prop_assert!(
                conv.input_grad_memory(samples, whole) <= conv.input_grad_memory(many, all)
            );
            prop_assert!(conv.weight_grad_memory(samples, 3) <= conv.weight_grad_memory(many, 3));
        }
    }

    /// The share of a part is the largest over all numbers of parts.
    #[test]
    fn the_share_of_a_part_is_enough(conv in any_sizes(), samples in 1_usize..100) {
        for samples in [samples, usize::MAX] {
            let share = |parts| conv.weight_grad_memory(samples, parts).div_ceil(parts);
            let largest = (1..=40).map(share).max();
            prop_assert_eq!(Some(conv.weight_grad_memory_of_part(samples)), largest);
        }
    }

    #[test]
    fn more_rows_need_no_less_memory(
        whole in 1_usize..500,
        n in 1_usize..200,
        k in 0_usize..1000,
        transposed: bool,
    ) {
        let memory = product_memory(whole, n, k, transposed);
        prop_assert!(memory <= product_memory(whole + 100, n, k, transposed));
        prop_assert!(memory <= product_memory(usize::MAX, n, k, transposed));
        prop_assert!(memory <= product_memory(whole, n, usize::MAX, transposed));
        prop_assert!(memory <= product_memory(whole, n, k, true));
    }
}

/// Without padding, the memory is used for packing alone.
#[test]
fn convolutions_without_padding_need_no_memory() {
    let sizes = convolution([9, 8], [3, 70], 3, 0);
    let x = numbers(1, sizes.input_len());
    let weight = numbers(2, sizes.weight_rows() * sizes.out_channels);

    for kernels in all_tiers() {
        let run = |memory: usize| {
            let mut y = Guarded::empty(sizes.output_len());
            kernels.conv(Conv {
                sizes: &sizes,
                whole: 1,
                x: &x,
                first_row: 0,
                weight: &weight,
                bias: None,
                y: &mut y,
                relu: false,
                memory: &mut Guarded::empty(memory),
            });
            bits(&y)
        };

        assert_eq!(run(0), run(sizes.forward_memory(1, 1)));
    }
}

fn with_short_memory(sizes: &ConvSizes, transposed: bool) {
    let x = vec![0.0; sizes.input_len()];
    let mut y = vec![0.0; sizes.output_len()];
    let weight = vec![0.0; sizes.weight_rows() * sizes.out_channels];
    let kernels = all_tiers().last().unwrap();

    if transposed {
        let mut dx = x;
        kernels.conv_input_grad(ConvInputGrad {
            sizes,
            whole: 1,
            weight: &weight,
            dy: &y,
            bias: None,
            dx: &mut dx,
            relu: false,
            memory: &mut [],
        });
    } else {
        kernels.conv(Conv {
            sizes,
            whole: 1,
            x: &x,
            first_row: 0,
            weight: &weight,
            bias: None,
            y: &mut y,
            relu: false,
            memory: &mut [],
        });
    }
}

#[test]
#[should_panic(expected = "420 elements too short: `ConvSizes::forward_memory` gives its length")]
fn images_that_do_not_fit_are_refused() {
    // Rows of 14 pixels with 2 channels are padded at both ends to 15.
    let sizes = ConvSizes {
        kernel: [1, 2],
        out: [14, 14],
        ..convolution([14, 14], [2, 3], 1, 0)
    };
    let sizes = ConvSizes {
        pad: [0, 1],
        ..sizes
    };
    with_short_memory(&sizes, false);
}

#[test]
#[should_panic(expected = "too short: `ConvSizes::forward_memory` gives its length")]
fn tiles_that_do_not_fit_are_refused() {
    with_short_memory(&convolution([8, 8], [16, 16], 3, 1), false);
}

#[test]
#[should_panic(expected = "too short: `ConvSizes::input_grad_memory` gives its length")]
fn weights_that_do_not_fit_are_refused() {
    with_short_memory(&convolution([5, 5], [3, 3], 3, 0), true);
}

#[test]
#[should_panic(expected = "too short: `Plane::mean_memory` gives its length")]
fn weights_of_pixels_that_do_not_fit_are_refused() {
    let axis = Axis {
        input: 2,
        output: 4,
        reach: Reach::Linear { factor: 2 },
    };
    let plane = Plane {
        rows: axis,
        cols: axis,
        channels: 1,
    };

    let kernels = all_tiers().last().unwrap();
    kernels.mean_pool(super::super::MeanPool {
        plane: &plane,
        divide: Divisor::One,
        transposed: false,
        x: &[0.0; 4],
        y: &mut [0.0; 16],
        memory: &mut [0.0; 15],
    });
}

#[test]
fn parts_have_memory_of_their_own() {
    let mut data = [0; 7];
    let mut memory = [0; 3 * 32 + 5];
    {
        let parts = PartMemory::new(&mut data, 3, &mut memory, 3);
        let mut held: Vec<_> = data.chunks_mut(3).map(|chunk| parts.of(chunk)).collect();
        for (part, (chunk, memory)) in held.iter_mut().enumerate() {
            assert_eq!(memory.len(), 32);
            chunk.fill(part);
            memory.fill(part + 1);
        }
    }
    assert_eq!(data, [0, 0, 0, 1, 1, 1, 2]);
    assert!((0..96).all(|i| memory[i] == i / 32 + 1));
}

#[test]
#[should_panic(expected = "work in parts: another chunk")]
fn a_chunk_of_other_bounds_has_no_memory() {
    let mut data = [0; 6];
    let mut memory = [0; 64];
    let parts = PartMemory::new(&mut data, 3, &mut memory, 2);
    parts.of(&mut data[1..]);
}

#[test]
#[should_panic(expected = "work in parts: another chunk")]
fn other_data_has_no_memory() {
    let mut data = [0; 8];
    let (before, data) = data.split_at_mut(2);
    let mut memory = [0; 64];
    let parts = PartMemory::new(data, 3, &mut memory, 2);
    parts.of(before);
}
