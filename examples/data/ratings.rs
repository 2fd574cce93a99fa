//! Ratings of films: a reader of MovieLens' files, and a model that they are drawn from.

use std::collections::HashMap;
use std::error::Error;
use std::io::Read;

use rand::RngExt;
use shapewright::init;

const USERS: usize = 600;
const FILMS: usize = 250;
const RATINGS_PER_USER: usize = 50;
const GENRES: usize = 4;

/// A user's rating of a film.
#[derive(Clone, Copy)]
pub struct Rating {
    pub user: usize,
    pub film: usize,
    pub stars: f32,
}

impl shapewright::data::Sample for Rating {}

/// Ratings, and the titles of the films.
pub struct Data {
    pub ratings: Vec<Rating>,
    pub titles: Vec<String>,
}

impl Data {
    /// Creates the data of synthetic ratings.
    pub fn of(ratings: Vec<Rating>) -> Self {
        let titles = (0..FILMS).map(|film| format!("film {film}")).collect();
        Data { ratings, titles }
    }

    /// Reads ratings, whose users and films get the next free numbers, and titles.
    pub fn read(ratings: &str, films: Option<&String>) -> Result<Self, Box<dyn Error>> {
        let mut titles = HashMap::new();
        if let Some(films) = films {
            for record in table(films)?.records() {
                let record = record?;
                titles.insert(record[0].to_owned(), record[1].to_owned());
            }
        }
        let mut data = Data {
            ratings: Vec::new(),
            titles: Vec::new(),
        };
        let (mut users, mut numbers) = (HashMap::new(), HashMap::new());
        for record in table(ratings)?.records() {
            let record = record?;
            let next = users.len();
            let user = *users.entry(record[0].to_owned()).or_insert(next);
            let film = *numbers.entry(record[1].to_owned()).or_insert_with(|| {
                data.titles.push(
                    titles
                        .get(&record[1])
                        .unwrap_or(&record[1].to_owned())
                        .clone(),
                );
                data.titles.len() - 1
            });
            data.ratings.push(Rating {
                user,
                film,
                stars: record[2].parse()?,
            });
        }
        Ok(data)
    }
}

/// Opens a table with a line of names.
fn table(path: &str) -> Result<csv::Reader<Box<dyn Read>>, Box<dyn Error>> {
    let file = std::fs::File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let source: Box<dyn Read> = match path.ends_with(".gz") {
        true => Box::new(flate2::read::GzDecoder::new(file)),
        false => Box::new(file),
    };
    let is_tabbed = path.contains(".tsv");
    let mut reader = csv::ReaderBuilder::new();
    reader
        .delimiter(if is_tabbed { b'\t' } else { b',' })
        .quoting(!is_tabbed);
    Ok(reader.from_reader(source))
}

/// The model that the ratings are drawn from, which is unknown for real films. Films are mixtures of
/// four genres, users like each genre more or less, and a user for whom a film is worth 3.4 stars
/// gives 3 or 4 at random.
pub struct World {
    /// Each user's liking of each genre.
    tastes: [[f32; GENRES]; USERS],
    /// Each film's share of each genre.
    films: [[f32; GENRES]; FILMS],
    /// The number of stars that each user gives above the mean.
    generosity: [f32; USERS],
    /// The number of stars that each film gets above the mean.
    quality: [f32; FILMS],
}

impl World {
    /// Draws the model.
    pub fn random(rng: &mut impl rand::Rng) -> Self {
        let mut world = World {
            tastes: [[0.0; GENRES]; USERS],
            films: [[0.0; GENRES]; FILMS],
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
    pub fn expected(&self, user: usize, film: usize) -> f32 {
        let taste: f32 = self.tastes[user]
            .iter()
            .zip(&self.films[film])
            .map(|(a, b)| a * b)
            .sum();
        (3.2 + self.generosity[user] + self.quality[film] + taste).clamp(1.0, 5.0)
    }

    /// Draws `RATINGS_PER_USER` ratings by each user.
    pub fn ratings(&self, rng: &mut impl rand::Rng) -> Vec<Rating> {
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
}
