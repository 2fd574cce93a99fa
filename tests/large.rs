//! Networks, tensors and samples far larger than the stack, and networks of very many layers. They
//! must also work in a build without optimization.

mod common;

use std::ops::ControlFlow;

use shapewright::augment::{
    Augment, Augmenter, ColorJitter, GaussianNoise, Interpolation, MixUp, Normalize, PaddingMode,
    RandomAffine, RandomApply, RandomCrop, RandomErasing, RandomHorizontalFlip, RandomRotation,
    RandomVerticalFlip, SampleRng, center_crop, mix,
};
use shapewright::data::text::NextToken;
use shapewright::data::{
    Batches, Cloning, Imputer, MinMaxScaler, Prefetch, Refill, Sample, StandardScaler, frames,
    gather, k_fold, one_hot_into, split,
};
use shapewright::loss::{IgnorePadding, Padded};
use shapewright::metrics::{
    Accuracy, Average, ConfusionMatrix, F1, LogLoss, MeanAbsoluteError, MeanIou, MeanSquaredError,
    Normalize as Divide, Outputs, R2Score, RootMeanSquaredError,
};
use shapewright::prelude::*;
use shapewright::{
    loss::AnyOutput,
    tensor::{Element, Rank2, Rank3},
};

const STACK: usize = 256 * 1024;

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    on_a_stack_of(STACK, f);
}

fn on_a_stack_of(size: usize, f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(size)
        .spawn(f)
        .expect("a thread");
    thread.join().expect("no panic on a small stack");
}

network! {
    #[derive(Clone)]
    struct Large: [784] -> [10] { fc1: Linear<_, 4096>, Relu, Dropout(0.1), fc2: Linear<_, 10> }
}
network! {
    #[derive(Clone)]
    struct Outer: [28, 28] -> [10] { Flatten, body: Large }
}

fn life<N: Trainable + Clone>() {
    assert!(N::PARAMS * size_of::<N::Element>() > 10 * STACK);
    let mut net = N::init(&mut shapewright::rng(0));
    let before = net.clone();
    assert!(before.params() == net.params() && net.to_boxed().params() == net.params());

    let mut gradient = N::zeros();
    let mut workspace = N::workspace();
    let mut adam = Adam::new(0.001).state::<N>();
    let x = vec![Tensor::<N::Input, N::Element>::ones(); 2];
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.output_gradients_mut()[0].as_mut_slice()[0] = num_traits::one();
    pass.backward(&mut gradient);
    adam.step(&mut net, &gradient);
    assert!(
        net.params() != before.params(),
        "the step changes parameters"
    );
    let state = adam.clone();
    assert_eq!(state.steps(), 1);
    let mut average = WeightAverage::<N>::ema(0.9);
    average.update(&net);
    assert!(average.clone().network().params() == net.params());

    let old = before.forward(&x[0]);
    let new = net.forward(&x[0]);
    assert!(
        new.as_slice()[0] < old.as_slice()[0],
        "a step down the gradient of the first output lowers it"
    );
    let mut y = vec![Tensor::zeros(); 2];
    net.forward_batch(&x, &mut y);
    let close = |a: &N::Element, b: &N::Element| {
        num_traits::Float::abs(*a - *b) < N::Element::from_f64_lossy(1e-4)
    };
    assert!(y[1].iter().zip(&new).all(|(a, b)| close(a, b)));
}

#[test]
fn a_network_larger_than_the_stack_lives_its_life() {
    on_a_small_stack(life::<Large>);
    on_a_small_stack(life::<Outer>);
}

#[test]
fn a_trainer_of_parameters_larger_than_the_stack() {
    on_a_small_stack(|| {
        let path = common::folder("large_parameters").join("training.checkpoint");
        let x = vec![Tensor2::<28, 28>::ones(); 4];
        let labels = [Label::<10>::new(3).expect("a class"); 4];
        let mut net = Outer::init(&mut shapewright::rng(0));
        let before = net.to_boxed();

        for epochs in [1, 2] {
            Outer::trainer(AdamW::new(0.001), CrossEntropy)
                .epochs(epochs)
                .param_groups(|state| {
                    state
                        .freeze(layer!(Outer, body.fc1))
                        .scale(layer!(Outer, body.fc2), 0.5)
                })
                .l2_penalty(layer!(Outer, body.fc2), 0.1)
                .l1_penalty(layer!(Outer, body.fc2), 0.1)
                .clip_grad_norm(1.0)
                .clip_grad_value(1.0)
                .average(WeightAverage::swa())
                .validate(&x, &labels)
                .early_stopping(1)
                .checkpoint(&path)
                .resume(true)
                .fit(&mut net, &x, &labels)
                .expect("an epoch");
        }

        assert!(
            net.body.fc1.bias == before.body.fc1.bias && net.body.fc2.bias != before.body.fc2.bias
        );
    });
}

#[test]
fn a_large_activation_goes_from_heap_to_heap() {
    network! { struct Image: [256, 256, 3] -> [256, 256, 3] { Tanh, Linear<_, 3>, Sigmoid } }
    on_a_small_stack(|| {
        let net = Image::init(&mut shapewright::rng(0));
        let x = Tensor3::<256, 256, 3>::full_boxed(0.5);
        let mut y = Tensor3::<256, 256, 3>::full_boxed(f32::NAN);
        net.forward_into(&*x, &mut *y);
        assert!(y.iter().all(|&y| y > 0.0 && y < 1.0));
        let mut workspace = Image::workspace();
        let mut pass = net.forward_train(std::slice::from_ref(&*x), &mut workspace);
        assert!(pass.outputs()[0].as_slice() == y.as_slice());
        pass.loss(&Mse, std::slice::from_ref(&*x));
        let mut gradient = Image::zeros();
        pass.backward(&mut gradient);
        assert!(gradient.params().iter().any(|&g| g != 0.0));
    });
}

#[test]
fn boxed_tensors_never_touch_the_stack() {
    type Matrix = Tensor2<1024, 1025>;
    on_a_small_stack(|| {
        let mut zeros = Matrix::zeros_boxed();
        assert_eq!((zeros[[1023, 1024]], Matrix::LEN), (0.0, 1024 * 1025));
        zeros[[1023, 1024]] = 7.0;
        assert_eq!(zeros.sum(), 7.0);
        let sums = Matrix::from_fn_boxed(|[i, j]| (i + j) as f32);
        assert_eq!((sums[[3, 4]], sums.max()), (7.0, 2047.0));
        let copy = Matrix::from_slice_boxed(sums.as_slice()).expect("the right length");
        assert!(copy == sums);
        assert!(Matrix::from_slice_boxed(&[1.0]).is_err());
        let random = Matrix::random_boxed(rand::distr::StandardUniform, &mut shapewright::rng(0));
        assert!((random.mean() - 0.5).abs() < 0.01);
        assert_eq!(Matrix::full_boxed(2.0).min(), 2.0);
    });
}

/// An image of almost five megabytes: nineteen times the small stack, and twice the default stack
/// of a thread.
type Picture = Rank3<640, 640, 3>;
type Pictures = Vec<Tensor<Picture>>;

fn pictures(count: usize) -> Pictures {
    let mut pictures = Tensor::zeros_vec(count);
    for (i, picture) in pictures.iter_mut().enumerate() {
        picture.as_mut_slice().fill(i as f32 / count as f32);
    }
    pictures
}

network! { struct Denoise: [640, 640, 3] -> [640, 640, 3] { Linear<_, 3>, Tanh } }

#[test]
fn a_trainer_learns_large_targets_from_large_inputs() {
    on_a_small_stack(|| {
        let path = common::folder("large_trainer").join("training.checkpoint");
        let x = pictures(3);
        let validation = pictures(1);
        let mut net = Denoise::init(&mut shapewright::rng(0));

        let trainer = |epochs| {
            Denoise::trainer(Adam::new(0.01), Mse)
                .epochs(epochs)
                .batch_size(2)
                .validate(&validation, &validation)
                .metric(MeanSquaredError::new())
                .average(WeightAverage::ema(0.5))
                .early_stopping(2)
                .checkpoint(&path)
                .resume(true)
        };

        trainer(1).fit(&mut net, &x, &x).expect("an epoch");
        let history = trainer(2).fit(&mut net, &x, &x).expect("another epoch");
        assert!(history.epochs[1].loss < history.epochs[0].loss);

        let untrained = Denoise::trainer(Sgd::new(0.1), Mse)
            .accumulate(2)
            .batch_size(1)
            .fit(&mut net, &x, &x);
        assert!(untrained.is_ok());
    });
}

#[test]
fn a_trainer_changes_and_mixes_large_samples() {
    on_a_small_stack(|| {
        let x = pictures(3);
        let mut net = Denoise::init(&mut shapewright::rng(0));
        let own = |image: &mut Tensor<Picture>, _: &mut SampleRng| image.as_mut_slice().reverse();
        let history = Denoise::trainer(Sgd::new(0.01), Mse)
            .batch_size(2)
            .augment((RandomHorizontalFlip::new(1.0), own))
            .mixup(MixUp::new(1.0))
            .fit(&mut net, &x, &x)
            .expect("an epoch");
        assert!(history.epochs[0].loss.is_finite());
    });
}

/// A custom target.
#[derive(Clone, Copy)]
struct Scene {
    picture: Tensor<Picture>,
    class: Label<4>,
}

impl Sample for Scene {
    const CLONING: Cloning<Self> = Cloning::in_place();
}

impl Scene {
    fn boxed(value: f32) -> Box<Self> {
        // SAFETY: zero bits are a valid picture and class 0.
        let mut scene = unsafe { Box::<Scene>::new_zeroed().assume_init() };
        scene.picture.as_mut_slice().fill(value);
        scene
    }
}

struct OfScene;
impl Loss<Picture, f32> for OfScene {
    type Target = Scene;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        _: &[Tensor<Picture>],
        targets: &[Scene],
        gradients: &mut [Tensor<Picture>],
    ) -> f32 {
        gradients
            .iter_mut()
            .for_each(|gradient| gradient.as_mut_slice().fill(0.0));
        targets
            .iter()
            .map(|target| target.picture[[639, 639, 2]] + target.class.index() as f32)
            .sum()
    }
}

#[test]
fn targets_of_any_type_are_gathered_from_memory_to_memory() {
    on_a_small_stack(|| {
        let scenes = gather(std::slice::from_ref(&*Scene::boxed(0.25)), &[0, 0, 0]);
        let x = pictures(3);
        let mut net = Denoise::init(&mut shapewright::rng(0));
        let plain = Denoise::trainer(Sgd::new(0.1), OfScene)
            .fit(&mut net, &x, &scenes)
            .expect("an epoch");
        let changed = Denoise::trainer(Sgd::new(0.1), OfScene)
            .augment(RandomVerticalFlip::new(0.5))
            .mixup(MixUp::new(1.0))
            .fit(&mut net, &x, &scenes)
            .expect("an epoch");
        assert_eq!([plain.epochs[0].loss, changed.epochs[0].loss], [0.75; 2]);
    });
}

/// A tuple of an image, optional labels, and more.
type Several = (
    Tensor<Picture>,
    [[Option<Label<2>>; 512]; 512],
    (u8, &'static str),
);

#[test]
fn tuples_and_arrays_are_samples_of_their_parts() {
    on_a_small_stack(|| {
        // SAFETY: zero bits are a valid picture, valid optional labels (`None` or class 0) and a
        // valid number; the text is written.
        let several = unsafe {
            let mut several = Box::<Several>::new_zeroed();
            (*several.as_mut_ptr()).2.1 = "text";
            several.assume_init()
        };
        let gathered = gather(std::slice::from_ref(&*several), &[0, 0]);
        assert!(
            gathered[1].0 == several.0
                && gathered[1].1 == several.1
                && gathered[1].2 == (0, "text")
        );
    });
}

#[test]
fn batches_and_parts_of_large_samples() {
    on_a_small_stack(|| {
        let x = pictures(4);
        let mut rng = shapewright::rng(0);
        let [train, test] = split(4, [0.75, 0.25], &mut rng).expect("two parts");
        assert_eq!(gather(&x, &test)[0][[0, 0, 0]], test[0] as f32 / 4.0);
        let fold = &k_fold(4, 2, &mut rng).expect("two folds")[0];
        let mut batches = Batches::of(&x, &x, &fold.train, 1);
        batches.shuffle(&mut rng);
        let again = batches.clone();
        for mut batches in [batches, again] {
            while let Some((x, y)) = batches.next_batch() {
                assert!(x[0] == y[0]);
            }
        }

        let sums = Prefetch::new(1, train.into_iter().map(move |i| gather(&x, &[i])));
        assert_eq!(sums.map(|x| x.len()).sum::<usize>(), 3);
        let mut left = 0..3;
        let mut filled = Refill::new([pictures(1), pictures(1)], move |batch: &mut Pictures| {
            left.next()
                .map(|i| batch[0].as_mut_slice().fill(i as f32))
                .is_some()
        });
        let mut sum = 0.0;
        while let Some(batch) = filled.next_batch() {
            sum += batch[0][[5, 5, 1]];
        }
        assert_eq!(sum, 3.0);
    });
}

#[test]
fn copies_of_large_samples() {
    on_a_small_stack(|| {
        type Picture = Tensor3<1024, 1024, 3>;
        let picture = Picture::from_position_boxed(|position| position as f32);

        let mut pictures = shapewright::data::repeat(&*picture, 2);
        pictures[0].as_mut_slice().fill(7.0);
        shapewright::data::extend_from_slice(&mut pictures, std::slice::from_ref(&picture));
        let copies = shapewright::data::to_vec(&pictures[1..]);

        assert_eq!((pictures.len(), copies.len()), (3, 2));
        assert!(pictures[0].iter().all(|&x| x == 7.0));
        assert!(copies.iter().all(|copy| copy == &*picture));
    });
    // Also with samples that are cloned by value.
    let names = shapewright::data::repeat(&"a".to_owned(), 2);
    assert_eq!(shapewright::data::to_vec(&names), ["a", "a"]);
}

#[test]
fn every_transform_of_large_images() {
    fn check(transform: impl Augment<Picture, f32> + Clone) {
        let mut image = Tensor::<Picture>::full_boxed(0.5);
        let mut augmenter = Augmenter::new(transform, 1).clone();
        augmenter.augment(1, 0, &mut image);
        assert!(image.as_slice()[..999].iter().all(|x| x.is_finite()));
    }

    on_a_small_stack(|| {
        check((RandomHorizontalFlip::new(1.0), RandomVerticalFlip::new(1.0)));
        check((
            RandomErasing::new(1.0).random_value(),
            Normalize::new([0.5; 3], [0.5; 3]),
        ));
        check(RandomCrop::<8>::new().padding_mode(PaddingMode::Reflect));
    });

    on_a_small_stack(|| {
        check(RandomAffine::new(9.0).shear(3.0));
        check(RandomRotation::new(30.0).interpolation(Interpolation::Bilinear));
        check(RandomApply::new(
            (
                ColorJitter::new().brightness(0.2).contrast(0.2),
                GaussianNoise::new(0.1),
            ),
            1.0,
        ));
    });

    on_a_small_stack(|| {
        let mut cut = Tensor::<Rank3<620, 600, 3>>::zeros_boxed();
        center_crop(&*Tensor::<Picture>::full_boxed(0.5), &mut *cut);
        assert_eq!(cut[[619, 599, 2]], 0.5);

        let mut x = pictures(2);
        mix(&mut x, 0.5);
        assert_eq!(x[1][[0, 0, 0]], 0.25);
    });
}

#[test]
fn scalers_and_imputers_of_large_samples() {
    on_a_small_stack(|| {
        let mut x = pictures(2);
        let scaler = StandardScaler::fit_boxed(&x).expect("finite values");
        scaler.transform(&mut x);
        scaler.inverse_transform(&mut x);
        assert_eq!(x[1][[7, 7, 1]], 0.5);
    });

    on_a_small_stack(|| {
        let mut x = pictures(2);
        let mut scaler = MinMaxScaler::fit_boxed(&x).expect("finite values");
        scaler.set_range(-1.0, 1.0);
        scaler.transform(&mut x);
        assert_eq!(x[1][[7, 7, 1]], 1.0);
        scaler.inverse_transform(&mut x);
        assert_eq!(x[1][[7, 7, 1]], 0.5);
    });

    on_a_small_stack(|| {
        let mut x = pictures(2);
        x[0].as_mut_slice()[9] = f32::NAN;
        Imputer::mean_boxed(&x)
            .expect("finite values")
            .transform(&mut x);
        assert_eq!(x[0].as_slice()[9], 0.5);

        x[0].as_mut_slice()[9] = f32::NAN;
        Imputer::constant_boxed(3.0).transform(&mut x);
        assert_eq!(x[0].as_slice()[9], 3.0);

        // A smaller sample of a megabyte, as the median needs a list of values for each feature.
        let x = Tensor::<Rank2<512, 512>>::zeros_vec(3);
        assert_eq!(
            Imputer::median_boxed(&x).expect("finite values").fill[[5, 5]],
            0.0
        );
    });
}

#[test]
fn readers_of_large_samples() {
    on_a_small_stack(|| {
        let mut idx = vec![
            0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 2, 128, 0, 0, 2, 128, 0, 0, 0, 3,
        ];
        idx.resize(idx.len() + Picture::LEN, 255);
        let images = shapewright::data::idx::images_from::<Picture, f32>("pictures", &idx[..])
            .expect("a picture");
        assert_eq!(images[0][[639, 639, 2]], 1.0);
        let (x, one) =
            shapewright::data::cifar::batch_from::<f32>("batch", &[1; 3073][..]).expect("an image");
        assert_eq!((x.len(), one.len()), (1, 1));
    });
}

#[cfg(feature = "csv")]
#[test]
fn tables_of_large_rows() {
    use shapewright::data::csv::{Csv, CsvClasses, CsvValues};
    on_a_small_stack(|| {
        const F: usize = 100_000;
        const M: usize = 70_000;
        let numbers: Vec<String> = (0..F).map(|i| i.to_string()).collect();
        let numbers = numbers.join(",");

        let text = format!("y,{numbers}\n1,{numbers}\n");
        let table: CsvClasses<F, 1> = Csv::new()
            .read_classes_from("t.csv", text.as_bytes(), "y")
            .expect("a table");
        assert_eq!(table.x[0][F - 1], (F - 1) as f32);
        assert!(table.clone() == table);
        let table: CsvValues<F, 1> = Csv::new()
            .read_values_from("t.csv", text.as_bytes(), ["y"])
            .expect("a table");
        assert_eq!(
            (table.x[0][F - 1], table.targets[0][0]),
            ((F - 1) as f32, 1.0)
        );
        assert!(table.clone() == table);

        let table = CsvValues::<F, M, f32> {
            x: Tensor1::zeros_vec(2),
            targets: Tensor1::zeros_vec(2),
            columns: Vec::new(),
        };
        assert!(table.clone() == table);
    });
}

#[cfg(feature = "npy")]
#[test]
fn numpy_files_of_large_samples() {
    use shapewright::data::npy::{self, Npz, NpzWriter};
    on_a_small_stack(|| {
        let folder = common::folder("large_npy");
        let x = pictures(2);
        npy::write_many(folder.join("x.npy"), &x[1..]).expect("a file");
        let back = npy::read_many::<Picture, f32>(folder.join("x.npy")).expect("a picture");
        assert!(back == x[1..]);
        npy::write(folder.join("one.npy"), &x[1]).expect("a file");
        assert!(*npy::read::<Picture, f32>(folder.join("one.npy")).expect("a picture") == x[1]);

        let mut writer = NpzWriter::create(folder.join("x.npz")).expect("a file");
        writer.add("x", &x[0]).expect("an array");
        writer.finish().expect("a file");
        let mut file = Npz::open(folder.join("x.npz")).expect("a file");
        assert!(*file.read::<Picture, f32>("x").expect("a picture") == x[0]);
    });
}

#[cfg(feature = "ndarray")]
#[test]
fn arrays_of_large_samples() {
    on_a_small_stack(|| {
        let mut x = pictures(3);
        x[1].fill_with(|position| (position % 251) as f32);
        let array = Tensor::ndarray_batch_view(&x).to_owned();
        assert!(Tensor::<Picture>::from_ndarray_batch(&array).expect("a batch") == x);
        assert!(Tensor::<Picture>::over_ndarray_batch(&array).expect("a batch") == x);

        let one = x[1].to_ndarray();
        assert!(*Tensor::<Picture>::over_ndarray(&one).expect("a picture") == x[1]);
        let mut mirrored = one.view();
        mirrored.invert_axis(ndarray::Axis(1));
        let boxed = Tensor::<Picture>::from_ndarray_boxed(&mirrored).expect("a picture");
        assert_eq!(boxed[[3, 0, 1]], one[[3, one.dim().1 - 1, 1]]);
    });
}

#[cfg(feature = "serde")]
#[test]
fn large_samples_in_json() {
    on_a_small_stack(|| {
        let x = pictures(2);
        let text = serde_json::to_string(&x[1..]).expect("numbers");
        let mut json = serde_json::Deserializer::from_str(&text);
        assert!(Tensor::<Picture>::deserialize_vec(&mut json).expect("tensors") == x[1..]);
        let text = serde_json::to_string(&x[1]).expect("numbers");
        let mut json = serde_json::Deserializer::from_str(&text);
        assert!(*Tensor::<Picture>::deserialize_boxed(&mut json).expect("a tensor") == x[1]);
    });
}

#[cfg(feature = "serde")]
#[test]
fn large_networks_in_json() {
    network! {
        #[derive(Serialize, Deserialize)]
        struct Written: [512] -> [512] { fc: Linear<_, 512>, Residual { inner: Linear<_, 512> } }
    }
    assert!(Written::PARAMS * size_of::<f32>() > 4 * STACK);
    on_a_small_stack(|| {
        let mut net = Written::zeros();
        net.params_mut()[12_345] = 0.25;
        let text = serde_json::to_string(&net).expect("numbers");
        let mut json = serde_json::Deserializer::from_str(&text);
        let again: Box<Written> = Written::deserialize_boxed(&mut json).expect("the network");
        assert!(again.params() == net.params());
    });
}

#[cfg(feature = "images")]
#[test]
fn pictures_become_large_tensors() {
    use image::{DynamicImage, GrayImage, RgbImage};
    use shapewright::data::images::{Size, to_tensor};

    on_a_small_stack(|| {
        let photo = DynamicImage::from(RgbImage::from_pixel(400, 300, image::Rgb([51, 0, 255])));
        let x = to_tensor::<300, 400, 3, f32>(&photo, Size::Exact).expect("its size");
        assert_eq!(x[[299, 399, 0]], 0.2);
        assert_eq!(DynamicImage::from(&*x), photo);
        let grey = to_tensor::<600, 600, 1, f64>(&photo, Size::Resize).expect("any size");
        assert_eq!(GrayImage::from(&*grey).dimensions(), (600, 600));
    });
}

#[cfg(all(feature = "images", feature = "plots"))]
#[test]
fn grids_and_files_of_large_images() {
    use shapewright::data::images::{Images, Size, read};
    use shapewright::plots::ImageGrid;

    // The compression of PNG files keeps tables of some hundred kilobytes on the stack.
    on_a_stack_of(1 << 20, || {
        let folder = common::folder("large_images");
        std::fs::create_dir(folder.join("grey")).expect("a folder");
        let path = folder.join("grey/one.png");
        ImageGrid::new()
            .scale(1)
            .add(&*Tensor::<Picture>::full_boxed(0.5), "grey")
            .save(&path)
            .expect("a file");

        let image = read::<640, 640, 3, f32>(&path, Size::Resize).expect("a picture");
        assert!((image[[512, 512, 1]] - 0.5).abs() < 0.01);

        let images = Images::<640, 640, 3, 1>::read(&folder, Size::Resize)
            .expect("a folder of pictures")
            .clone();
        assert!(images.images[0] == *image);
    });
}

network! { struct Segment: [640, 640, 3] -> [640, 640, 2] { Linear<_, 2> } }

#[test]
fn labels_of_every_pixel() {
    on_a_small_stack(|| {
        let x = pictures(2);
        let numbers = Tensor::<Rank2<640, 640>, u8>::zeros_vec(2);
        let labels = Label::<2>::from_tensors(&numbers).expect("classes");
        let mut net = Segment::init(&mut shapewright::rng(0));

        let history = Segment::trainer(Sgd::new(0.1), CrossEntropy)
            .metric(MeanIou::new())
            .validate(&x, &labels)
            .fit(&mut net, &x, &labels)
            .expect("an epoch");
        assert_eq!(history.epochs.len(), 1);

        let confusion = net.evaluate(&x, &labels).expect("as many labels");
        assert_eq!(confusion.total(), 2 * 640 * 640);
    });

    on_a_small_stack(|| {
        let x = pictures(1);
        let numbers = Tensor::<Rank2<640, 640>, u8>::zeros_vec(1);
        let labels = Label::<2>::from_tensors(&numbers).expect("classes");
        let optional = Label::<2>::from_tensors_without(255, &numbers).expect("classes");

        let net = Segment::init(&mut shapewright::rng(0));
        let [mut outputs, mut gradients] =
            [(); 2].map(|()| Tensor::<Rank3<640, 640, 2>>::zeros_vec(1));
        net.forward_batch(&x, &mut outputs);
        let loss: f32 = CrossEntropy.loss(&outputs, &labels, &mut gradients);
        let same: f32 = CrossEntropy
            .optional_labels()
            .loss(&outputs, &optional, &mut gradients);
        assert!((loss - same).abs() < 1e-3);

        let found = Label::from_scores(&outputs);
        let mut accuracy = Accuracy::<2>::new();
        let mut log_loss = LogLoss::<2>::new(Outputs::Probabilities);
        let mut f1 = F1::<2>::new(Average::Macro);
        net.measure(&x, &labels, &mut [&mut accuracy, &mut f1])
            .expect("as many labels");

        outputs[0].softmax_in_place();
        log_loss.update(&outputs, &labels);
        assert!((log_loss.value().expect("a value") - f64::from(loss)).abs() < 1e-2);
        assert_eq!(found.len(), 1);
    });
}

#[test]
fn losses_and_metrics_of_large_outputs() {
    on_a_small_stack(|| {
        let outputs = Tensor::<Picture>::zeros_vec(1);
        let targets = Tensor::<Picture>::zeros_vec(1);
        let mut gradients = Tensor::zeros_vec(1);

        type OnPictures<'a> = &'a dyn Fn(&mut [Tensor<Picture>]) -> f32;
        let losses: [OnPictures<'_>; 9] = [
            &|to| Mse.loss(&outputs, &targets, to),
            &|to| Mae.loss(&outputs, &targets, to),
            &|to| Huber.loss(&outputs, &targets, to),
            &|to| BceWithLogits.loss(&outputs, &targets, to),
            &|to| KlDiv.loss(&outputs, &targets, to),
            &|to| PoissonNll.loss(&outputs, &targets, to),
            &|to| Bce.loss(&outputs, &targets, to),
            &|to| SmoothL1.loss(&outputs, &targets, to),
            &|to| HingeEmbedding.loss(&outputs, &targets, to),
        ];

        for loss in losses {
            assert!(loss(&mut gradients).is_finite());
        }
    });

    on_a_small_stack(|| {
        let outputs = pictures(2);
        let targets = pictures(2);
        let mut squared = RootMeanSquaredError::<Picture>::new();
        squared.update(&outputs, &targets);
        assert_eq!(squared.value(), Ok(0.0));

        let mut absolute = MeanAbsoluteError::new();
        absolute.update(&outputs[..1], &targets[1..]);
        assert_eq!(absolute.value(), Ok(0.5));
    });

    on_a_small_stack(|| {
        let mut determination = R2Score::<Picture>::new();
        determination.update(&pictures(2), &pictures(2));
        assert_eq!(determination.value(), Ok(1.0));
    });
}

/// Weights of so many classes are handed over by reference.
#[test]
fn weights_of_many_classes() {
    const CLASSES: usize = 1_000_000;
    static WEIGHTS: [f64; CLASSES] = {
        let mut weights = [1.0; CLASSES];
        weights[999_999] = 3.0;
        weights
    };

    on_a_small_stack(|| {
        let outputs = Tensor1::<CLASSES>::zeros_vec(2);
        let labels = [0, 999_999].map(|class| Label::new(class).expect("a class"));
        let mut gradients = Tensor::zeros_vec(2);

        let cross = CrossEntropy.class_weights(&WEIGHTS).label_smoothing(0.1);
        let weighted = cross.loss(&outputs, &labels, &mut gradients);
        // The second term of smoothing is the same for both labels.
        let want = 0.95 * (CLASSES as f32).ln();
        assert!((weighted - want).abs() < 1e-3, "{weighted}");
        let nll = Nll.class_weights(&WEIGHTS).optional_labels();
        let labels = labels.map(Some);
        assert_eq!(nll.loss(&outputs, &labels, &mut gradients), 0.0);
        assert_eq!(gradients[1][999_999], -0.75);

        let mut targets = Tensor1::zeros_vec(2);
        targets.iter_mut().flatten().for_each(|x| *x = 1.0);
        let binary = BceWithLogits.pos_weight(&WEIGHTS);
        let weighted = binary.loss(&outputs, &targets, &mut gradients);
        assert!((weighted - 2_f32.ln()).abs() < 1e-3, "{weighted}");
    });
    on_a_small_stack(|| {
        network! { struct Words: [1] -> [1_000_000] { fc: Linear<_, 1_000_000> } }
        let mut net = Words::zeros();
        let labels = [Label::<CLASSES>::new(999_999).expect("a class")];
        Words::trainer(Sgd::new(0.1), CrossEntropy.class_weights(&WEIGHTS))
            .epochs(1)
            .fit(&mut net, &[Tensor1::ones()], &labels)
            .expect("an epoch");
        assert!(net.fc.bias[999_999] > 0.0);
    });
}

/// A row of shares takes half the stack, so that two of them overflow it.
#[test]
fn confusion_matrices_of_many_classes() {
    const CLASSES: usize = 4096;

    on_a_stack_of(2 * CLASSES * size_of::<f64>(), || {
        let class = |number| Label::<CLASSES>::new(number).expect("a class");
        let mut matrix = ConfusionMatrix::new();
        matrix.add(class(7), class(4095));
        matrix.add(class(4095), class(4095));

        let shares = matrix.normalized(Divide::Labels);
        assert_eq!(shares.len(), CLASSES);
        assert_eq!([shares[4095][7], shares[4095][4095]], [0.5, 0.5]);
        let sum: f64 = shares.as_flattened().iter().sum();
        assert_eq!(sum, 1.0);
    });
}

/// A matrix of so many classes has 400 million cells, of which these print and draw two.
#[test]
fn few_samples_of_many_classes_print_fast() {
    const CLASSES: usize = 20_000;
    let class = |number| Label::<CLASSES>::new(number).expect("a class");
    let mut matrix = ConfusionMatrix::new();
    matrix.add(class(19_999), class(7));
    matrix.add(class(19_999), class(7));
    matrix.add(class(3), class(3));
    assert_eq!(
        matrix.to_string(),
        "label \\ predicted: count\n3 \\ 3: 1\n7 \\ 19999: 2\n"
    );
}

#[test]
fn names_of_many_classes() {
    const CLASSES: usize = 20_000;
    static NAMES: [&str; CLASSES] = ["name"; CLASSES];

    on_a_small_stack(|| {
        assert!(size_of_val(&NAMES) > STACK);
        let matrix = ConfusionMatrix::<CLASSES>::new();
        let named = matrix.named(&NAMES);
        assert!(size_of_val(&named.clone()) < 100);
    });
}

network! {
    struct Pair: [1024, 1024, 1] -> ([1024, 1024, 1], [1024, 1024, 1]) {
        Split { a: { Linear<_, 1> }, b: { Linear<_, 1> } },
    }
}

#[test]
fn passes_of_large_inputs_and_outputs() {
    on_a_small_stack(|| {
        let x = pictures(2);
        let net = Denoise::init(&mut shapewright::rng(0));
        let mut gradient = Denoise::zeros();
        let mut workspace = Denoise::workspace();
        let mut pass = net.forward_train(&x, &mut workspace);
        assert!(
            pass.layer_outputs()
                .all(|(_, values)| values.len() == 2 * Picture::LEN)
        );
        pass.loss(&Mse, &x);
        let dx = pass.backward_with_input(&mut gradient);
        assert!(dx[1].iter().any(|&dx| dx != 0.0));
        clip_grad_norm(&mut *gradient, 1.0).expect("a finite norm");

        let mut y = Tensor::<Picture>::zeros_vec(2);
        net.forward_batch(&x, &mut y);
        net.forward_into(&x[0], &mut y[1]);
        assert!(y[0] == y[1]);
    });
    on_a_small_stack(|| {
        let x = Tensor3::<1024, 1024, 1>::zeros_vec(1);
        let net = Pair::init(&mut shapewright::rng(0));
        let mut y = Tensor::zeros_vec(1);
        net.forward_batch(&x, &mut y);
        let mut gradient = Pair::zeros();
        let mut workspace = Pair::workspace();
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&GaussianNll, &x);
        pass.backward(&mut gradient);
        let (a, b) = y[0].parts_mut();
        a.clone_from(&x[0]);
        assert!(*a == x[0] && b.as_slice().len() == 1 << 20);
    });
}

#[test]
fn every_function_that_gives_a_tensor_has_a_sibling_for_large_ones() {
    type Matrix = Tensor2<1024, 512>;
    on_a_small_stack(|| {
        let mut ones = Matrix::ones_boxed();
        let mut product = Tensor2::<1024, 1024>::zeros_boxed();
        let mut transposed = Tensor2::zeros_boxed();
        ones[[3, 4]] = 2.0;
        ones.transpose_into(&mut transposed);
        assert_eq!(transposed[[4, 3]], 2.0);
        ones.matmul_into(&transposed, &mut product);
        assert_eq!(product[[0, 0]], 512.0);
        let twos = ones.map_boxed(|x| x + 1.0).zip_boxed(&ones, |a, b| a - b);
        assert_eq!(twos.sum(), (1024 * 512) as f32);
        let mut sum = Matrix::from_position_boxed(|_| 1.0);
        *sum += &*twos;
        assert_eq!(sum.max(), 2.0);
        sum.log_softmax_in_place();
        assert!((sum[[0, 0]] + 512.0_f32.ln()).abs() < 1e-4);

        let indices = vec![Index::<7>::new(3).expect("a row"); 100_000];
        let tokens = Tensor1::<100_000>::from_indices_boxed(&indices).expect("as many");
        assert_eq!(tokens[99_999], 3.0);
        let error = Tensor1::<7>::from_indices_boxed(&indices).expect_err("too many");
        assert_eq!(error.found, 100_000);

        let mut target = Tensor1::<100_000>::zeros_boxed();
        one_hot_into(Label::new(99_999).expect("a class"), &mut *target);
        assert_eq!(target.argmax(), 99_999);
    });
}

#[test]
fn a_search_over_trainings_on_large_samples() {
    use shapewright::search::Search;
    on_a_small_stack(|| {
        let x = pictures(1);
        let report = Search::new([0.1, 0.01]).run(|&lr, trial| {
            let mut net = Denoise::init(&mut shapewright::rng(0));
            let history = Denoise::trainer(Sgd::new(lr), Mse)
                .on_epoch(|epoch, _| trial.report(epoch.epoch, epoch.loss))
                .on_step(|_, _| ControlFlow::Continue(()))
                .fit(&mut net, &x, &x)?;
            Ok(history.epochs[0].loss)
        });
        assert!(report.best().is_some());
    });
}

#[cfg(feature = "safetensors")]
#[test]
fn weights_larger_than_the_stack_go_to_files_and_back() {
    use shapewright::weights::{Loader, Saver};

    on_a_small_stack(|| {
        let folder = common::folder("large_weights");
        let net = Outer::init(&mut shapewright::rng(0));
        net.save(folder.join("net.safetensors")).expect("a file");
        let mut other = Outer::zeros();
        other
            .load(folder.join("net.safetensors"))
            .expect("the same network");
        assert!(other.params() == net.params());

        let scaler = StandardScaler::fit_boxed(&pictures(2)).expect("finite values");
        let path = folder.join("both.safetensors");
        Saver::new()
            .part("body", &net.body)
            .part("scaler", &*scaler)
            .save(&path)
            .expect("a file");

        let loader = Loader::open(&path).expect("a file");
        let back: Box<StandardScaler<Picture>> = loader.part("scaler").load().expect("the scaler");
        assert!(*back == *scaler);

        let mut tuned = Outer::zeros();
        tuned
            .body
            .load_from(&loader.part("body"))
            .expect("the body");
        assert!(tuned.body.params() == net.body.params());
    });
}

macro_rules! layers {
    ($name:ident { $($layers:tt)* }) => {
        network! { struct $name: [8] -> [8] { $($layers)* } }
    };
}

/// Calls a macro with the layers repeated four times.
macro_rules! four_times {
    ($then:ident $name:ident { $($layers:tt)* }) => {
        $then! { $name { $($layers)* $($layers)* $($layers)* $($layers)* } }
    };
    ($then:ident $next:ident $($name:ident)+ { $($layers:tt)* }) => {
        $then! { $next $($name)+ { $($layers)* $($layers)* $($layers)* $($layers)* } }
    };
}

four_times! { four_times four_times layers Deep { Linear<_, 8>, Tanh, LayerNorm<_>, Relu, Dropout(0.1), } }

// With so many repetitions, a list with a few words for each would be larger than the stack.
network! { struct Repeated: [2] -> [2] { Repeat<20_000> { Linear<_, 2>, Tanh } } }

network! {
    struct Inner: [8] -> [8] { Repeat<20> { Residual { Linear<_, 8>, Tanh, Linear<_, 8> } } }
}

network! {
    struct Nested: [8] -> [8] {
        Repeat<50> {
            Concat {
                a: { Residual { Repeat<10> { Residual { Linear<_, 8>, Relu, Dropout(0.1) } } }, Linear<_, 4> },
                b: { inner: Inner, Linear<_, 4> },
            },
            Residual { Linear<_, 8>, shortcut: { Repeat<3> { Linear<_, 8> } } },
        },
    }
}

/// Does everything that a network can do, up to the steps of a training.
fn whole_life<N: Trainable<Element = f32>>() {
    on_a_small_stack(|| {
        let mut net = N::init(&mut shapewright::rng(0));
        let x = Tensor::<N::Input>::zeros_vec(3);
        let mut y = Tensor::<N::Output>::zeros_vec(3);
        net.forward_into(&x[0], &mut y[1]);
        net.forward_batch(&x, &mut y);

        let mut gradient = N::zeros();
        let mut workspace = N::workspace();
        let mut adam = Adam::new(0.001).state::<N>();
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut()[0].as_mut_slice().fill(1.0);
        let dx = pass.backward_with_input(&mut gradient);
        assert_eq!(dx.len(), 3);
        adam.step(&mut net, &gradient);
        assert!(net.params().iter().all(|x| x.is_finite()));
        assert!(N::summary().to_string().lines().count() > N::LAYERS.len());
    });
}

#[test]
fn networks_of_many_layers() {
    whole_life::<Deep>();
}

#[test]
fn layers_of_many_features_and_channels() {
    whole_life::<Wide>();
    whole_life::<WideImages>();
    whole_life::<WideChannels>();
    whole_life::<WideSequences>();
    whole_life::<LongSequences>();
}

#[test]
fn blocks_that_repeat_their_layers_often() {
    whole_life::<Repeated>();
}

#[test]
fn blocks_within_blocks_within_networks() {
    whole_life::<Nested>();
}

network! {
    struct Wide: [20] -> [20] {
        Linear<_, 100_000>, BatchNorm1d<_>, LayerNorm<_>, RmsNorm<_>, GroupNorm<4, _>, PRelu<_>, Dropout(0.1),
        Residual { Tanh, Relu }, Softmax, LogSoftmax, Silu, Linear<_, 20>,
    }
}

network! {
    struct WideImages: [256, 256, 2] -> [10] {
        Conv2d<_, 4, 3, Pad<1>>, BatchNorm2d<_>, Relu, MaxPool2d<2>, Upsample<2>, Dropout2d(0.1),
        GroupNorm<2, _>, InstanceNorm2d<_>, ConvTranspose2d<_, 4, 2, Stride<2>>, AvgPool2d<2>,
        Concat { a: { Conv2d<_, 2, 1>, Glu }, b: { UpsampleBilinear<2>, MaxPool2d<2>, Conv2d<_, 1, 1> } }, ZeroPad2d<1>,
        ReflectionPad2d<1>, ReplicationPad2d<1>, Overlap<1>, Conv2d<_, 6, 1>, Magnitude,
        AdaptiveAvgPool2d<200>, Residual { Conv2d<_, 5, 3, Pad<1>>, Gelu, shortcut: { Conv2d<_, 5, 1> } },
        Repeat<2> { Conv2d<_, 5, 3, Pad<1>, Groups<5>>, Tanh }, AdaptiveMaxPool2d<180>, Flatten, Linear<_, 10>,
    }
}

network! {
    struct WideChannels: [2, 2, 50_000] -> [50_000] {
        BatchNorm2d<_>, InstanceNorm2d<_>, Conv2d<_, 50_000, 1, Groups<50_000>>, PRelu<_>, GroupNorm<5, _>, Dropout2d(0.5),
        MaxPool2d<2>, Flatten, LayerNorm<_>,
    }
}

network! {
    struct LongCell: (x: [100], h: [2000], c: [500]) -> (y: [100], h1: [2000], c1: [500]) {
        Concat <- (x, c),
        Linear<_, 8>,
        inner: Tanh,
        c1: Linear<_, 500>,
        new: Linear<_, 2000> <- inner,
        h1: Add <- (h, new),
        Glu,
        Dropout(0.1),
        Slice<0, 100>,
        y: Sigmoid,
    }
}

network! {
    struct LongSequences: [3000, 2] -> [8] {
        Lstm<_, 60, Layers<2>, Bidirectional>(0.1), Gru<_, 30, ResetBefore, FinalState>, SelectPart<0>, Rnn<_, 100>,
        Scan<LongCell>, SelectLast, Linear<_, 8>,
    }
}

network! {
    struct WideSequences: [20_000, 4] -> [8] {
        Conv1d<_, 8, 3>, MaxPool1d<2>, AvgPool1d<2>, AdaptiveMaxPool1d<2000>, AdaptiveAvgPool1d<1000>,
        PositionalEmbedding, PositionalEncoding,
        Residual { MultiHeadAttention<_, 2, Causal, Rotary>(0.1) },
        ReflectionPad1d<100>, ZeroPad1d<50>, ReplicationPad1d<50>, Slice<200, 1000>,
        Concat { a: { MeanOverTime, Linear<_, 2> }, b: { MaxOverTime, Linear<_, 2> }, c: { Transpose, Permute<1, 0>, SelectLast, Linear<_, 4> } },
    }
}

#[test]
fn windows_larger_than_the_stack() {
    const LENGTH: usize = 1 << 20;
    on_a_small_stack(|| {
        let tokens = vec![Index::<30>::default(); LENGTH + 3];
        let windows = NextToken::<30, LENGTH>::new(&tokens).expect("windows");
        let mut batches: Batches<'_, Tensor1<LENGTH>, _> = Batches::of_dataset(&windows, 2);
        batches.shuffle(&mut shapewright::rng(0));
        let (x, targets) = batches.next_batch().expect("a batch");
        assert_eq!((x.len(), targets.len()), (2, 2));
        assert_eq!(x[1].as_slice()[LENGTH - 1], 0.0);
        assert_eq!(targets[1][LENGTH - 1].index(), 0);

        let samples = vec![0.5_f32; LENGTH + 1];
        assert_eq!(frames::<LENGTH, f32>(&samples, 1).len(), 2);
        assert!(frames::<LENGTH, f32>(&samples, 1).all(|frame| frame.max() == 0.5));
    });
}

#[test]
fn losses_and_metrics_of_large_padded_sequences() {
    type Sequence = Tensor3<1024, 32, 32>;
    on_a_small_stack(|| {
        let outputs = Sequence::zeros_vec(2);
        let mut gradients = Sequence::zeros_vec(2);
        // The zeros of a target and of its length.
        // SAFETY: zero bits are a valid tensor and a valid number.
        let mut targets: Box<[Padded<Sequence>]> =
            unsafe { Box::<[Padded<Sequence>]>::new_zeroed_slice(2).assume_init() };
        targets.iter_mut().for_each(|padded| padded.length = 1000);
        let loss: f32 = IgnorePadding(Mse).loss(&outputs, &targets, &mut gradients);
        assert_eq!(loss, 0.0);

        let copies = gather(&targets, &[1, 0]);
        let metric = IgnorePadding(MeanAbsoluteError::new());
        assert_eq!(metric.of(&outputs, &copies), Ok(0.0));
    });
}
