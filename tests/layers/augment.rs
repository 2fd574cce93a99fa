//! Random changes to images: the properties of each transform, and draws that depend on seed, epoch
//! and index alone.

use crate::common::bits;
use proptest::prelude::*;
use shapewright::augment::{
    Augment, Augmenter, ColorJitter, GaussianNoise, Interpolation, MixUp, Normalize, PaddingMode,
    RandomAffine, RandomApply, RandomCrop, RandomErasing, RandomHorizontalFlip, RandomRotation,
    RandomVerticalFlip, SampleRng, center_crop, mix,
};
use shapewright::data::one_hot;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Rank3};

/// An image from 0 to 1.
fn image<const H: usize, const W: usize, const C: usize, T: Element>(
    seed: u64,
) -> Tensor3<H, W, C, T> {
    let uniform = rand::distr::Uniform::new_inclusive(T::zero(), T::one()).expect("a range");
    Tensor::random(uniform, &mut shapewright::rng(seed))
}

fn augmented<S: Shape, T: Element>(
    list: impl Augment<S, T>,
    seed: u64,
    image: &Tensor<S, T>,
) -> Tensor<S, T> {
    let mut image = *image;
    Augmenter::new(list, seed).augment(1, 0, &mut image);
    image
}

const MODES: [Interpolation; 2] = [Interpolation::Nearest, Interpolation::Bilinear];

fn identities_keep_every_bit<const H: usize, const W: usize, const C: usize, T: Element>() {
    let mut image: Tensor3<H, W, C, T> = image(3);
    // Values out of range and a negative zero reveal a change that is nearly none.
    (image[[0, 0, 0]], image[[H - 1, W - 1, C - 1]]) = (T::from_f64_lossy(-2.5), -T::zero());

    let same = |list: &dyn Augment<Rank3<H, W, C>, T>, what: &str| {
        for seed in 0..4 {
            let (mut changed, mut scratch) = (image, Tensor::full(T::nan()));
            list.augment(&mut changed, &mut scratch, &mut shapewright::rng(seed));
            assert_eq!(bits(changed.as_slice()), bits(image.as_slice()), "{what}");
        }
    };

    same(&(), "an empty list");
    same(&RandomHorizontalFlip::new(0.0), "no flip");
    same(&RandomVerticalFlip::new(0.0), "no flip");
    same(&RandomCrop::<0>::new(), "no padding");
    same(&ColorJitter::new(), "no jitter");
    same(
        &ColorJitter::new().brightness(0.0).contrast(0.0),
        "no jitter",
    );
    same(&GaussianNoise::new(0.0), "no noise");
    same(&RandomErasing::new(0.0), "nothing erased");
    same(
        &RandomApply::new(RandomHorizontalFlip::new(1.0), 0.0),
        "not applied",
    );
    same(&Normalize::new([0.0; C], [1.0; C]), "nothing to normalize");

    for mode in MODES {
        same(&RandomRotation::new(0.0).interpolation(mode), "no rotation");
        same(
            &RandomRotation::between(360.0, 360.0).interpolation(mode),
            "a whole turn",
        );
        same(
            &RandomRotation::between(-720.0, -720.0).interpolation(mode),
            "two whole turns",
        );

        let affine = RandomAffine::new(0.0)
            .translate(0.0, 0.0)
            .scale(1.0, 1.0)
            .shear_both(0.0, 0.0);
        same(&affine.interpolation(mode).fill(0.5), "no change");
    }
}

#[test]
fn parameters_that_do_nothing_keep_every_bit() {
    identities_keep_every_bit::<8, 8, 1, f32>();
    identities_keep_every_bit::<5, 9, 3, f32>();
    identities_keep_every_bit::<4, 3, 2, f64>();
}

#[test]
fn turns_and_flips_fit_together() {
    let image: Tensor3<6, 6, 3> = image(1);
    let (flip, flop) = (RandomHorizontalFlip::new(1.0), RandomVerticalFlip::new(1.0));

    assert_eq!(augmented((flip, flip), 0, &image), image);
    assert_eq!(augmented((flop, flop), 0, &image), image);

    assert_eq!(
        augmented(flip, 0, &image),
        Tensor3::from_fn(|[y, x, c]| image[[y, 5 - x, c]])
    );
    assert_eq!(
        augmented(flop, 0, &image),
        Tensor3::from_fn(|[y, x, c]| image[[5 - y, x, c]])
    );

    for mode in MODES {
        let turn = |degrees| RandomRotation::between(degrees, degrees).interpolation(mode);
        assert_eq!(
            augmented(turn(180.0), 0, &image),
            augmented((flip, flop), 0, &image)
        );

        // Counterclockwise: the right side comes to the top.
        let quarter = augmented(turn(90.0), 0, &image);
        assert_eq!(quarter, Tensor3::from_fn(|[y, x, c]| image[[x, 5 - y, c]]));
        assert_eq!(
            augmented((turn(90.0), turn(90.0), turn(90.0), turn(90.0)), 0, &image),
            image
        );

        // `RandomAffine` turns the other way, as torchvision's.
        let clockwise = RandomAffine::between(-90.0, -90.0).interpolation(mode);
        assert_eq!(augmented(clockwise, 0, &image), quarter);
    }
}

#[test]
fn transforms_apply_with_their_probability() {
    let image = Tensor3::<1, 2, 1>::from([[[0.0], [1.0]]]);
    for p in [0.1, 0.5, 0.9] {
        let mut augmenter = Augmenter::new(RandomHorizontalFlip::new(p), 5);
        let flipped = |index| {
            let mut x = image;
            augmenter.augment(3, index, &mut x);
            x != image
        };
        let count = (0..4000).map(flipped).filter(|&flipped| flipped).count();
        assert!(
            (count as f64 / 4000.0 - p).abs() < 0.03,
            "{p}: {count} of 4000"
        );
    }
}

/// Returns how far the bright pixel of an image has moved: rows and columns.
fn shift(image: &Tensor3<9, 9, 1>) -> [isize; 2] {
    let at = image.iter().position(|&x| x == 1.0).expect("the pixel") as isize;
    [at / 9 - 4, at % 9 - 4]
}

#[test]
fn shifts_move_whole_pixels_and_reach_their_ends() {
    let mut x: Tensor3<9, 9, 1> = image(2);
    x = x.map(|x| 0.9 * x);
    x[[4, 4, 0]] = 1.0;

    let expect = |y: &Tensor3<9, 9, 1>, fill: f32| {
        let [down, right] = shift(y);
        let at = |row: usize, column: usize| {
            let (row, column) = (row as isize - down, column as isize - right);
            let inside = (0..9).contains(&row) && (0..9).contains(&column);
            if inside {
                x[[row as usize, column as usize, 0]]
            } else {
                fill
            }
        };

        assert_eq!(*y, Tensor3::from_fn(|[row, column, _]| at(row, column)));
        [down, right]
    };

    for mode in MODES {
        let affine = RandomAffine::new(0.0)
            .translate(0.34, 0.2)
            .interpolation(mode)
            .fill(0.25);
        let shifts: Vec<_> = (0..300)
            .map(|seed| expect(&augmented(affine, seed, &x), 0.25))
            .collect();

        let most = [0, 1].map(|axis| shifts.iter().map(|shift| shift[axis]).max().unwrap());
        let least = [0, 1].map(|axis| shifts.iter().map(|shift| shift[axis]).min().unwrap());
        assert_eq!(
            (least, most),
            ([-2, -3], [2, 3]),
            "parts of 9 rounded to pixels"
        );
    }

    let shifts: Vec<_> = (0..300)
        .map(|seed| expect(&augmented(RandomCrop::<3>::new().fill(0.5), seed, &x), 0.5))
        .collect();

    for axis in [0, 1] {
        for by in -3..=3 {
            let count = shifts.iter().filter(|shift| shift[axis] == by).count();
            assert!(
                (20..70).contains(&count),
                "{by}: {count} of 300, about 43 are expected"
            );
        }
    }
}

#[test]
fn crops_are_parts_of_the_image() {
    let photo: Tensor3<7, 9, 3> = image(4);
    let mut middle = Tensor3::<3, 4, 3>::zeros();
    center_crop(&photo, &mut middle);
    assert_eq!(
        middle,
        Tensor3::from_fn(|[y, x, c]| photo[[y + 2, x + 2, c]])
    );

    let mut places = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let mut part = Tensor3::<3, 4, 3>::zeros();
        let crop = RandomCrop::<1>::new().padding_mode(PaddingMode::Edge);
        crop.crop(&photo, &mut part, &mut shapewright::rng(seed));

        let place = (-1..=5)
            .flat_map(|top| (-1..=6).map(move |left| (top, left)))
            .find(|(top, left)| {
                let clamp = |at: isize, end: isize| at.clamp(0, end) as usize;
                part == Tensor3::from_fn(|[y, x, c]| {
                    photo[[clamp(y as isize + top, 6), clamp(x as isize + left, 8), c]]
                })
            });
        places.insert(place.expect("the part is somewhere"));
    }

    assert_eq!(places.len(), 7 * 8, "{places:?}");
}

/// What is cut to 0 to 1 does not hide a NaN, which a training reports.
#[test]
fn the_largest_factors_give_black_and_white() {
    let x = Tensor3::from([[[0.0_f32], [0.5], [0.9]]]);
    for factor in [1e30, 1e39, 1e300, f64::MAX] {
        let bright = augmented(ColorJitter::new().brightness_between(factor, factor), 1, &x);
        assert_eq!(bright.as_slice(), [0.0, 1.0, 1.0], "{factor}");
        let sharp = augmented(ColorJitter::new().contrast_between(factor, factor), 1, &x);
        assert_eq!(sharp.as_slice(), [0.0, 1.0, 1.0], "{factor}");
    }
}

#[test]
fn nan_stays_in_images_that_are_cut() {
    let x = Tensor3::from([[[0.5_f32], [f32::NAN], [0.9]]]);
    for y in [
        augmented(ColorJitter::new().brightness(0.5), 1, &x),
        augmented(GaussianNoise::new(0.1), 1, &x),
    ] {
        assert_eq!(
            y.as_slice().iter().filter(|y| y.is_nan()).count(),
            1,
            "{y:?}"
        );
    }
}

#[test]
fn noise_has_its_mean_and_deviation() {
    let x = Tensor1::<20_000>::full(0.5);
    let y = augmented(GaussianNoise::new(0.3).mean(0.1).clip(false), 1, &x);
    let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / 20_000.0;
    let variance = y
        .iter()
        .map(|&y| (f64::from(y) - mean).powi(2))
        .sum::<f64>()
        / 20_000.0;
    assert!((mean - 0.6).abs() < 0.01, "{mean}");
    assert!((variance.sqrt() - 0.3).abs() < 0.01, "{}", variance.sqrt());
    let clipped = augmented(GaussianNoise::new(0.3).mean(0.1), 1, &x);
    assert_eq!(clipped, y.map(|y| y.clamp(0.0, 1.0)));
    assert!(y.iter().any(|&y| y > 1.0) && y.iter().any(|&y| y < 0.0));
}

#[test]
fn rectangles_have_their_size_and_shape() {
    let image = Tensor3::<32, 24, 2>::full(0.5);
    for seed in 0..300 {
        let erasing = RandomErasing::new(1.0)
            .scale(0.05, 0.3)
            .ratio(0.5, 2.0)
            .value(0.75);
        let erased = augmented(erasing, seed, &image);

        let hit = |y, x| {
            assert_eq!(erased[[y, x, 0]], erased[[y, x, 1]]);
            erased[[y, x, 0]] == 0.75
        };
        let rows: Vec<usize> = (0..32).filter(|&y| (0..24).any(|x| hit(y, x))).collect();
        let columns: Vec<usize> = (0..24).filter(|&x| (0..32).any(|y| hit(y, x))).collect();

        let (height, width) = (rows.len(), columns.len());
        assert!(
            rows[height - 1] - rows[0] + 1 == height
                && columns[width - 1] - columns[0] + 1 == width
        );
        assert_eq!(
            erased.iter().filter(|&&x| x != 0.5).count(),
            2 * height * width
        );

        let (area, ratio) = (
            (height * width) as f64 / (32.0 * 24.0),
            height as f64 / width as f64,
        );
        // The sides are rounded to whole pixels.
        assert!(
            (0.035..0.33).contains(&area) && (0.42..2.4).contains(&ratio),
            "{height} x {width}"
        );
    }

    let noise = augmented(RandomErasing::new(1.0).random_value(), 1, &image);
    assert!(noise.iter().any(|&x| x < 0.0), "normal numbers");

    // No rectangle of such a shape is smaller than the image.
    let impossible = RandomErasing::new(1.0).scale(1.0, 1.0);
    assert_eq!(augmented(impossible, 0, &image), image);
}

proptest! {
    #[test]
    fn values_stay_in_range(seed: u64, degrees in 0.0..180.0, shear in 0.0..45.0, fill in 0.0..=1.0) {
        let x: Tensor3<7, 10, 3> = image(seed);
        for mode in MODES {
            let affine = RandomAffine::new(degrees).translate(0.3, 0.3).scale(0.5, 2.0).shear_both(shear, shear / 2.0);
            let crop = RandomCrop::<3>::new().padding_mode(PaddingMode::Reflect);
            let color = ColorJitter::new().brightness(0.7).contrast(1.4);
            let list = (affine.interpolation(mode).fill(fill), crop, color, GaussianNoise::new(0.2), RandomErasing::new(0.5));
            let y = augmented(list, seed, &x);
            prop_assert!(y.iter().all(|y| (0.0..=1.0).contains(y)), "{y:?}");
            let y = augmented(affine.interpolation(mode).fill(fill), seed, &x);
            prop_assert!(y.iter().all(|y| (-1e-6..=1.000_001).contains(y)), "{y:?}");
        }
        // A constant image stays constant, between the pixels and at the border.
        let flat = Tensor3::<7, 10, 3>::full(fill as f32);
        let affine = RandomAffine::new(degrees).translate(0.3, 0.3).scale(0.5, 2.0).interpolation(Interpolation::Bilinear);
        prop_assert_eq!(augmented(affine.fill(fill), seed, &flat), flat);
    }

    #[test]
    fn mixed_targets_sum_to_one_and_inputs_keep_their_sum(seed: u64, count in 1_usize..8, alpha in 0.01..5.0) {
        let mut rng = shapewright::rng(seed);
        let lambda = MixUp::new(alpha).draw(&mut rng);
        prop_assert!((0.0..=1.0).contains(&lambda));
        let label = |i: usize| Label::<4>::new((i * 3 + seed as usize % 5) % 4).expect("a class");
        let before: Vec<Tensor1<4>> = (0..count).map(|i| one_hot(label(i))).collect();
        let mut targets = before.clone();
        mix(&mut targets, lambda);
        for (i, target) in targets.iter().enumerate() {
            prop_assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            for class in 0..4 {
                let (own, other) = (before[i][class], before[count - 1 - i][class]);
                let expected = lambda as f32 * own + (1.0 - lambda) as f32 * other;
                prop_assert!((target[class] - expected).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn draws_depend_on_seed_epoch_and_index_alone() {
    let list = || {
        (
            RandomRotation::new(90.0),
            RandomCrop::<2>::new(),
            GaussianNoise::new(0.1),
        )
    };

    let x: Tensor3<8, 8, 1> = image(6);
    let run = |seed, epoch, index| {
        let mut y = x;
        Augmenter::new(list(), seed).augment(epoch, index, &mut y);
        y
    };

    let mut augmenter = Augmenter::new(list(), 9);
    let mut backwards: Vec<_> = (0..20)
        .rev()
        .map(|index| {
            let mut y = x;
            augmenter.augment(2, index, &mut y);
            y
        })
        .collect();
    backwards.reverse();
    let forwards: Vec<_> = (0..20).map(|index| run(9, 2, index)).collect();
    assert_eq!(forwards, backwards);

    let elsewhere: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|index| scope.spawn(move || run(9, 2, index)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("an image"))
            .collect()
    });
    assert_eq!(forwards, elsewhere);

    for (i, y) in forwards.iter().enumerate() {
        assert!(
            forwards[..i].iter().all(|other| other != y),
            "two samples got the same"
        );
    }

    assert_ne!(run(9, 2, 0), run(9, 3, 0));
    assert_ne!(run(9, 2, 0), run(8, 2, 0));
}

#[test]
fn functions_and_nested_lists_are_transforms() {
    let negate = |x: &mut Tensor3<4, 4, 1>, _: &mut SampleRng| x.iter_mut().for_each(|x| *x = -*x);
    let x: Tensor3<4, 4, 1> = image(1);
    let list = (
        negate,
        (RandomHorizontalFlip::new(1.0), (negate,)),
        RandomHorizontalFlip::new(1.0),
    );
    assert_eq!(augmented(list, 0, &x), x);
    assert_eq!(
        augmented(RandomApply::new((negate,), 1.0), 0, &x),
        x.map(|x| -x)
    );
}

/// Settings of transforms are checked when they are made.
#[test]
fn settings_out_of_their_ranges_panic() {
    fn refused<T>(make: impl FnOnce() -> T + std::panic::UnwindSafe, sentence: &str) {
        let payload = std::panic::catch_unwind(make).err().expect(sentence);
        let text = *payload.downcast::<&str>().expect("a message");
        assert!(text.contains(sentence), "{text}");
    }

    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused(
            || RandomErasing::new(0.5).value(bad),
            "the value of `RandomErasing`",
        );
        refused(
            || GaussianNoise::new(0.1).mean(bad),
            "the mean of `GaussianNoise`",
        );
        refused(|| Normalize::new([bad], [1.0]), "`Normalize`");
        refused(|| Normalize::new([0.0], [bad]), "`Normalize`");
        refused(
            || RandomRotation::new(10.0).fill(bad),
            "the fill of a transform",
        );
        refused(
            || RandomAffine::new(10.0).fill(bad),
            "the fill of a transform",
        );
        refused(|| MixUp::new(bad), "the alpha of `MixUp` is finite");
        refused(|| ColorJitter::new().brightness(bad), "`ColorJitter`");
        refused(|| GaussianNoise::new(bad), "`GaussianNoise` is finite");
        refused(|| RandomRotation::new(bad), "from -x to x is finite");
        refused(|| RandomHorizontalFlip::new(bad), "`RandomHorizontalFlip`");
        refused(|| RandomApply::new((), bad), "`RandomApply`");
    }
}
