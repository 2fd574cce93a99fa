//! Recommends films: trains embeddings of users and films, and a small network that predicts a
//! user's rating of a film, and compares it with the means of user and film on test ratings.
//!
//! The ratings are synthetic, as the well-known collections of real ones may not be redistributed:
//! films are mixtures of four genres, users like each genre more or less, and a user for whom a
//! film is worth 3.4 stars gives 3 or 4 at random. The smallest possible error is therefore known,
//! and printed for comparison.
//!
//! ```sh
//! cargo run --release --example recommend
//! ```

use std::collections::HashSet;
use std::error::Error;

use rand::RngExt;
use shapewright::data::{gather, split};
use shapewright::init;
use shapewright::metrics::RootMeanSquaredError;
use shapewright::prelude::*;

const USERS: usize = 600;
const FILMS: usize = 250;
/// The rows of the embedding's table: users, then films.
const ROWS: usize = USERS + FILMS;
const RATINGS_PER_USER: usize = 50;
const GENRES: [&str; 4] = ["comedy", "crime", "science fiction", "romance"];

network! {
    /// Maps a user and a film, which share one table, to the difference of a rating from the mean.
    struct Ratings: [2] -> [1] {
        embed: Embedding<ROWS, 16>,
        Flatten,
        Dropout(0.1),
        fc1: Linear<_, 64>,
        Relu,
        fc2: Linear<_, 32>,
        Relu,
        head: Linear<_, 1>,
    }
}

/// Returns the network's input: the rows of a user and of a film, which come after the users.
fn input(user: usize, film: usize) -> Result<Tensor1<2>, Box<dyn Error>> {
    Ok(Tensor1::from(
        [Index::<ROWS>::new(user)?, Index::new(USERS + film)?].map(Index::to_element),
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{}\n", Ratings::summary());

    let mut rng = shapewright::rng(0);
    let world = World::random(&mut rng);
    let ratings = world.ratings(&mut rng);
    println!(
        "{} synthetic ratings of {FILMS} films by {USERS} users",
        ratings.len()
    );
    let parts = split(ratings.len(), [0.8, 0.1, 0.1], &mut rng)?;
    let [train, validation, test] = parts.map(|part| gather(&ratings, &part));
    let means = Means::of(&train);

    let samples = |ratings: &[Rating]| -> Result<(Vec<_>, Vec<_>), Box<dyn Error>> {
        let inputs = ratings.iter().map(|r| input(r.user, r.film));
        let targets = ratings.iter().map(|r| Tensor1::from([r.stars - means.all]));
        Ok((inputs.collect::<Result<_, _>>()?, targets.collect()))
    };
    let (x, y) = samples(&train)?;
    let (validation_x, validation_y) = samples(&validation)?;

    let mut net = Ratings::init(&mut rng);
    init::normal(&mut net.embed.weight, 0.0, 0.1, &mut rng);
    let history = Ratings::trainer(AdamW::new(2e-3).weight_decay(0.1), Mse)
        .epochs(60)
        .batch_size(128)
        .validate(&validation_x, &validation_y)
        .early_stopping(5)
        .fit(&mut net, &x, &y)?;
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    println!(
        "trained for {} epochs in {seconds:.1} s\n",
        history.epochs.len()
    );

    let (test_x, test_y) = samples(&test)?;
    let mut rmse = RootMeanSquaredError::new();
    net.measure(&test_x, &test_y, &mut [&mut rmse])?;
    println!(
        "error in stars (root of the mean square) on {} test ratings",
        test.len()
    );
    println!(
        "  the mean of all ratings    {:.3}",
        error(&test, |_| means.all)
    );
    println!(
        "  means of user and film     {:.3}",
        error(&test, |r| means.guess(r.user, r.film))
    );
    println!("  the network                {:.3}", rmse.value()?);
    println!(
        "  the best that is possible  {:.3}",
        error(&test, |r| world.expected(r.user, r.film))
    );

    let user = 7;
    println!(
        "\nuser {user} likes {}; films to see, with stars by the network and without noise:",
        world.likes(user)
    );

    let seen: HashSet<usize> = ratings
        .iter()
        .filter(|r| r.user == user)
        .map(|r| r.film)
        .collect();
    let films: Vec<usize> = (0..FILMS).filter(|film| !seen.contains(film)).collect();
    let inputs = films
        .iter()
        .map(|&film| input(user, film))
        .collect::<Result<Vec<_>, _>>()?;
    let mut outputs = vec![Tensor1::zeros(); films.len()];
    net.forward_batch(&inputs, &mut outputs);

    let mut best: Vec<(f32, usize)> = outputs
        .iter()
        .zip(films)
        .map(|(y, film)| (y[0] + means.all, film))
        .collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (stars, film) in &best[..5] {
        println!(
            "  film {film:>3}  {stars:.1}  {:.1}  {}",
            world.expected(user, *film),
            world.genre(*film)
        );
    }
    Ok(())
}

/// A user's rating of a film.
#[derive(Clone, Copy)]
struct Rating {
    user: usize,
    film: usize,
    stars: f32,
}

impl shapewright::data::Sample for Rating {}

/// Returns the root mean squared error of guesses.
fn error(ratings: &[Rating], guess: impl Fn(&Rating) -> f32) -> f32 {
    (ratings
        .iter()
        .map(|r| (guess(r) - r.stars).powi(2))
        .sum::<f32>()
        / ratings.len() as f32)
        .sqrt()
}

/// The baseline: the mean of all ratings, plus the mean differences from it of a user and of a
/// film.
struct Means {
    all: f32,
    users: Vec<f32>,
    films: Vec<f32>,
}

impl Means {
    fn of(ratings: &[Rating]) -> Self {
        let all = ratings.iter().map(|r| r.stars).sum::<f32>() / ratings.len() as f32;

        let means = |count: usize, key: fn(&Rating) -> usize, rest: &dyn Fn(&Rating) -> f32| {
            let mut sums = vec![(0.0, 0.0); count];
            for rating in ratings {
                let (sum, ratings) = &mut sums[key(rating)];
                *sum += rest(rating);
                *ratings += 1.0;
            }
            sums.iter()
                .map(|(sum, ratings)| sum / f32::max(*ratings, 1.0))
                .collect::<Vec<f32>>()
        };

        let users = means(USERS, |r| r.user, &|r| r.stars - all);
        let films = means(FILMS, |r| r.film, &|r| r.stars - all - users[r.user]);
        Means { all, users, films }
    }

    /// Returns the baseline's rating.
    fn guess(&self, user: usize, film: usize) -> f32 {
        self.all + self.users[user] + self.films[film]
    }
}

/// The model that the ratings are drawn from, which is unknown for real films.
struct World {
    /// Each user's liking of each genre.
    tastes: [[f32; GENRES.len()]; USERS],
    /// Each film's share of each genre.
    films: [[f32; GENRES.len()]; FILMS],
    /// The number of stars that each user gives above the mean.
    generosity: [f32; USERS],
    /// The number of stars that each film gets above the mean.
    quality: [f32; FILMS],
}

impl World {
    /// Draws the model.
    fn random(rng: &mut impl rand::Rng) -> Self {
        let mut world = World {
            tastes: [[0.0; GENRES.len()]; USERS],
            films: [[0.0; GENRES.len()]; FILMS],
            generosity: [0.0; USERS],
            quality: [0.0; FILMS],
        };
        init::normal(&mut world.tastes, 0.0, 0.5, rng);
        init::normal(&mut world.films, 0.0, 1.0, rng);
        init::normal(&mut world.generosity, 0.0, 0.3, rng);
        init::normal(&mut world.quality, 0.0, 0.4, rng);
        world
    }

    /// Returns the mean number of stars that a user gives a film.
    fn expected(&self, user: usize, film: usize) -> f32 {
        let taste: f32 = self.tastes[user]
            .iter()
            .zip(&self.films[film])
            .map(|(a, b)| a * b)
            .sum();
        (3.2 + self.generosity[user] + self.quality[film] + taste).clamp(1.0, 5.0)
    }

    /// Draws `RATINGS_PER_USER` ratings by each user.
    fn ratings(&self, rng: &mut impl rand::Rng) -> Vec<Rating> {
        let mut ratings = Vec::new();
        for user in 0..USERS {
            for film in rand::seq::index::sample(rng, FILMS, RATINGS_PER_USER) {
                let stars = (self.expected(user, film) + rng.random::<f32>())
                    .floor()
                    .min(5.0);
                ratings.push(Rating { user, film, stars });
            }
        }
        ratings
    }

    /// Returns the genres that a user likes.
    fn likes(&self, user: usize) -> String {
        strongest(&self.tastes[user])
    }

    /// Returns the genres of a film.
    fn genre(&self, film: usize) -> String {
        strongest(&self.films[film])
    }
}

/// Returns the genres whose weights are well above zero, the strongest first.
fn strongest(weights: &[f32; GENRES.len()]) -> String {
    let mut order: Vec<usize> = (0..GENRES.len())
        .filter(|&genre| weights[genre] > 0.3)
        .collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    if order.is_empty() {
        "nothing much".to_owned()
    } else {
        order
            .iter()
            .map(|&g| GENRES[g])
            .collect::<Vec<_>>()
            .join(", ")
    }
}
