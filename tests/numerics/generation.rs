//! The choice of tokens against straightforward versions of Hugging Face's definitions, and beam
//! search against the search through all sequences.

use proptest::prelude::*;
use shapewright::generate::{BeamError, BeamSearch, Hypothesis, LogitError, Sampler, Sampling};
use shapewright::prelude::*;

fn index<const N: usize>(number: usize) -> Index<N> {
    Index::new(number).expect("an index")
}

/// The softmax of scores of which some are minus infinity.
fn softmax(scores: &[f64]) -> Vec<f64> {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - max).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// The settings of a test.
#[derive(Clone, Debug)]
struct Settings {
    penalty: f64,
    temperature: f64,
    top_k: usize,
    top_p: f64,
    min_p: f64,
}

/// The probabilities by the processors of `transformers`, one after another, as
/// `generation/logits_process.py` defines them.
fn reference(logits: &[f64], previous: &[usize], settings: &Settings) -> Vec<f64> {
    let mut scores = logits.to_vec();
    // RepetitionPenaltyLogitsProcessor
    for (token, score) in scores.iter_mut().enumerate() {
        if previous.contains(&token) {
            *score *= if *score < 0.0 {
                settings.penalty
            } else {
                1.0 / settings.penalty
            };
        }
    }
    // TemperatureLogitsWarper
    scores
        .iter_mut()
        .for_each(|score| *score /= settings.temperature);
    // TopKLogitsWarper
    let mut sorted = scores.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let least = sorted[settings.top_k.min(sorted.len()) - 1];
    remove(&mut scores, |_, score| score < least);
    // TopPLogitsWarper: the smallest ones whose probabilities sum to at most 1 - p are removed.
    if settings.top_p < 1.0 {
        let probabilities = softmax(&scores);
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(b.cmp(&a)));
        let mut sum = 0.0;
        let (last, others) = order.split_last().expect("a token");
        let removed: Vec<usize> = others
            .iter()
            .copied()
            .filter(|&token| {
                sum += probabilities[token];
                sum <= 1.0 - settings.top_p
            })
            .collect();
        assert!(!removed.contains(last));
        remove(&mut scores, |token, _| removed.contains(&token));
    }
    // MinPLogitsWarper
    let probabilities = softmax(&scores);
    let bound = settings.min_p * probabilities.iter().copied().fold(0.0, f64::max);
    remove(&mut scores, |token, _| probabilities[token] < bound);
    softmax(&scores)
}

fn remove(scores: &mut [f64], is_removed: impl Fn(usize, f64) -> bool) {
    for (token, score) in scores.iter_mut().enumerate() {
        if is_removed(token, *score) {
            *score = f64::NEG_INFINITY;
        }
    }
}

fn sampler<const N: usize>(settings: &Settings, seed: u64) -> Sampler<N> {
    Sampling::new()
        .repetition_penalty(settings.penalty)
        .temperature(settings.temperature)
        .top_k(settings.top_k)
        .top_p(settings.top_p)
        .min_p(settings.min_p)
        .seed(seed)
        .sampler()
        .expect("valid settings")
}

fn settings() -> impl Strategy<Value = Settings> {
    let top_p = prop_oneof![Just(1.0), 0.05..0.99_f64];
    let min_p = prop_oneof![Just(0.0), 0.0..0.5_f64];
    let penalty = prop_oneof![Just(1.0), 0.5..2.0_f64];
    (penalty, 0.3..2.0_f64, 1_usize..=12, top_p, min_p).prop_map(
        |(penalty, temperature, top_k, top_p, min_p)| Settings {
            penalty,
            temperature,
            top_k,
            top_p,
            min_p,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Chi-squared of 2000 draws against the probabilities by definition; a token of probability 0
    /// is never drawn.
    #[test]
    fn frequencies_are_those_of_the_definitions(
        logits in prop::array::uniform12(-4.0..4.0_f64),
        previous in prop::collection::vec(0_usize..12, 0..5),
        settings in settings(),
        seed in any::<u64>(),
    ) {
        const DRAWS: usize = 2000;
        let expected = reference(&logits, &previous, &settings);
        let history: Vec<Index<12>> = previous.iter().map(|&token| index(token)).collect();
        let mut sampler = sampler::<12>(&settings, seed);
        let mut counts = [0.0; 12];
        for _ in 0..DRAWS {
            let token = sampler.next(&Tensor1::from(logits), &history).expect("a token");
            counts[token.index()] += 1.0;
        }

        let mut chi_squared = 0.0;
        for (count, probability) in counts.iter().zip(&expected) {
            let mean = probability * DRAWS as f64;
            if mean == 0.0 {
                prop_assert_eq!(*count, 0.0, "{:?}", expected);
            } else {
                chi_squared += (count - mean) * (count - mean) / mean;
            }
        }
        // Of 11 degrees of freedom, less than 1e-6 of all values are above 50. Rare tokens have a
        // heavier tail.
        let rare = expected.iter().any(|&p| p > 0.0 && p * (DRAWS as f64) < 1.0);
        prop_assert!(chi_squared < if rare { 1000.0 } else { 60.0 }, "{}", chi_squared);
    }

    /// With one token left there is nothing to draw, whichever setting leaves one.
    #[test]
    fn one_token_left_is_the_most_likely(logits in prop::array::uniform12(-4.0..4.0_f32), seed in any::<u64>()) {
        let logits = Tensor1::from(logits);
        let argmax = logits.argmax();
        for sampling in [
            Sampling::greedy(),
            Sampling::new().top_k(1),
            Sampling::new().top_p(0.0),
            Sampling::new().temperature(1e-300),
        ] {
            let mut sampler = sampling.seed(seed).sampler::<12>().expect("valid settings");
            prop_assert_eq!(sampler.next(&logits, &[]).map(Index::index), Ok(argmax));
        }
    }
}

#[test]
fn equal_logits_are_cut_like_transformers_does() {
    // Of equal tokens, top-k keeps all that equal the last one, and greedy takes the first.
    let logits = Tensor1::from([1.0, 2.0, 1.0, 1.0]);
    let mut sampler = Sampling::new().top_k(2).sampler::<4>().expect("settings");
    let mut seen = [false; 4];
    (0..200).for_each(|_| seen[sampler.next(&logits, &[]).expect("a token").index()] = true);
    assert_eq!(seen, [true; 4]);

    let equal = Tensor1::from([0.0; 4]);
    let mut greedy = Sampling::greedy().sampler::<4>().expect("settings");
    assert_eq!(greedy.next(&equal, &[]), Ok(index(0)));
    let mut min_p = Sampling::new().min_p(1.0).sampler::<4>().expect("settings");
    assert_eq!(min_p.next(&logits, &[]), Ok(index(1)));
}

#[test]
fn penalties_count_each_token_once() {
    let mut sampler = Sampling::greedy()
        .repetition_penalty(2.0)
        .sampler::<3>()
        .expect("settings");
    let logits = Tensor1::from([3.0, 2.0, -1.0]);
    let next = |sampler: &mut Sampler<3>, previous: &[usize]| {
        let previous: Vec<_> = previous.iter().map(|&token| index(token)).collect();
        sampler.next(&logits, &previous).expect("a token").index()
    };
    assert_eq!(next(&mut sampler, &[]), 0);
    assert_eq!(next(&mut sampler, &[0]), 1);
    // Nothing is left of the call before.
    assert_eq!(next(&mut sampler, &[]), 0);
    // 1.5 against 1: with a penalty for each occurrence, it would be 0.75.
    assert_eq!(next(&mut sampler, &[0, 0, 1]), 0);

    // A reward that is out of range stays a number.
    let mut reward = Sampling::new()
        .repetition_penalty(1e-308)
        .sampler::<3>()
        .expect("settings");
    assert_eq!(
        reward.next(&Tensor1::from([1e30, 2e30, 0.0]), &[index(0)]),
        Ok(index(0))
    );
}

#[test]
fn logits_without_probabilities_are_refused() {
    let infinite = f64::INFINITY;
    for sampling in [
        Sampling::new(),
        Sampling::greedy(),
        Sampling::new().top_k(1).top_p(0.5),
    ] {
        let mut sampler = sampling
            .repetition_penalty(1.5)
            .sampler::<3>()
            .expect("settings");
        let mut next = |logits: [f64; 3]| sampler.next(&Tensor1::from(logits), &[index(1)]);
        assert_eq!(
            next([0.0, 0.0, f64::NAN]),
            Err(LogitError::NotANumber { index: 2 })
        );
        assert_eq!(
            next([0.0, infinite, 0.0]),
            Err(LogitError::Infinite { index: 1 })
        );
        assert_eq!(next([-infinite; 3]), Err(LogitError::NoneLeft));
        assert_eq!(next([-infinite, -1.0, -infinite]), Ok(index(1)));
    }
    let mut nothing = Sampling::new().sampler::<0>().expect("settings");
    assert_eq!(
        nothing.next(&Tensor1::from([0.0; 0]), &[]),
        Err(LogitError::NoneLeft)
    );
}

#[test]
fn settings_out_of_range_are_refused() {
    let new = Sampling::new;
    for (sampling, text) in [
        (
            new().temperature(0.0),
            "`temperature` is 0, but must be above 0",
        ),
        (
            new().temperature(f64::NAN),
            "`temperature` is NaN, but must be above 0",
        ),
        (
            new().temperature(f64::INFINITY),
            "`temperature` is inf, but must be finite",
        ),
        (
            new().repetition_penalty(-1.0),
            "`repetition_penalty` is -1, but must be above 0",
        ),
        (new().top_k(0), "`top_k` is 0, but must be at least 1"),
        (
            new().top_p(-0.1),
            "`top_p` is -0.1, but must be from 0 to 1",
        ),
        (new().min_p(1.1), "`min_p` is 1.1, but must be from 0 to 1"),
    ] {
        let error = sampling.sampler::<3>().expect_err("an invalid setting");
        assert_eq!(error.to_string(), format!("the sampler's {text}"));
    }
}

#[test]
fn seeds_repeat_the_tokens() {
    let logits = Tensor1::from([0.3, 0.1, 0.2, 0.0]);
    let draw = |seed| {
        let mut sampler = Sampling::new().seed(seed).sampler::<4>().expect("settings");
        [(); 40].map(|()| sampler.next(&logits, &[]).expect("a token").index())
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

const TOKENS: usize = 4;
const MAX_LENGTH: usize = 5;
const END: usize = 0;

/// Log-probabilities that depend on the tokens so far, from a seed.
fn log_probabilities(tokens: &[usize], seed: u64) -> [f64; TOKENS] {
    let hash = tokens.iter().fold(seed, |hash, &token| {
        hash.wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(token as u64 + 1)
    });
    let logits = Tensor1::<TOKENS, f64>::uniform(-2.0, 2.0, &mut shapewright::rng(hash));
    let log = logits.log_softmax();
    core::array::from_fn(|token| log[token])
}

/// All sequences that end, or have the largest length, with their log-probabilities.
fn all_sequences(seed: u64, end: Option<usize>) -> Vec<(Vec<usize>, f64)> {
    let mut done = Vec::new();
    let mut open = vec![(Vec::new(), 0.0)];
    while let Some((tokens, sum)) = open.pop() {
        for (token, log) in log_probabilities(&tokens, seed).into_iter().enumerate() {
            let mut next = tokens.clone();
            next.push(token);
            let is_done = Some(token) == end || next.len() == MAX_LENGTH;
            let to = if is_done { &mut done } else { &mut open };
            to.push((next, sum + log));
        }
    }
    done
}

fn search(beams: usize, penalty: f64, seed: u64, end: Option<usize>) -> Vec<Hypothesis<TOKENS>> {
    let begin = index(3);
    let mut is_first = true;
    BeamSearch::new(beams, MAX_LENGTH)
        .length_penalty(penalty)
        .search(Vec::new(), begin, end.map(index), |tokens, last, log| {
            if is_first {
                assert_eq!(last, begin);
                is_first = false;
            } else {
                tokens.push(last.index());
            }
            *log = Tensor1::from(log_probabilities(tokens, seed));
        })
        .expect("log-probabilities")
}

/// With as many beams as there are sequences, the best ones of all are found.
#[test]
fn beams_for_all_sequences_find_the_best() {
    for seed in 0..6 {
        for end in [Some(END), None] {
            for penalty in [0.0, 0.6, 1.0, 3.0, -1.0] {
                let score = |(tokens, sum): &(Vec<usize>, f64)| {
                    sum / ((5.0 + tokens.len() as f64) / 6.0).powf(penalty)
                };
                let mut all = all_sequences(seed, end);
                all.sort_by(|a, b| score(b).total_cmp(&score(a)));

                let found = search(4096, penalty, seed, end);
                assert_eq!(found.len(), all.len());
                for (found, wanted) in found.iter().zip(&all) {
                    let tokens: Vec<_> = found.tokens.iter().map(|token| token.index()).collect();
                    assert_eq!(tokens, wanted.0, "seed {seed}, penalty {penalty}");
                    assert!((found.log_probability - wanted.1).abs() < 1e-12);
                    assert!((found.score - score(wanted)).abs() < 1e-12);
                }
            }
        }
    }
}

/// A beam search that never stops early, with all candidates in sorted lists.
fn plain_search(
    beams: usize,
    penalty: f64,
    seed: u64,
    end: Option<usize>,
) -> Vec<(Vec<usize>, f64)> {
    let score =
        |(tokens, sum): &(Vec<usize>, f64)| sum / ((5.0 + tokens.len() as f64) / 6.0).powf(penalty);
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), 0.0)];
    for _ in 0..MAX_LENGTH {
        let mut next: Vec<(Vec<usize>, f64)> = Vec::new();
        for (tokens, sum) in &open {
            for (token, log) in log_probabilities(tokens, seed).into_iter().enumerate() {
                next.push(([&tokens[..], &[token]].concat(), sum + log));
            }
        }
        next.sort_by(|a, b| b.1.total_cmp(&a.1));
        next.truncate(2 * beams);
        let is_ended =
            |(tokens, _): &(Vec<usize>, f64)| end.is_some() && tokens.last().copied() == end;
        found.extend(next.iter().filter(|candidate| is_ended(candidate)).cloned());
        next.retain(|candidate| !is_ended(candidate));
        next.truncate(beams);
        open = next;
    }
    found.extend(open);
    found.sort_by(|a, b| score(b).total_cmp(&score(a)));
    found.truncate(beams);
    found
}

/// The search stops early, but not before what its beams can reach. With one beam, it is greedy.
#[test]
fn few_beams_find_what_a_search_to_the_end_finds() {
    for seed in 0..40 {
        for (beams, penalty) in [(1, 0.7), (2, 0.0), (3, 1.0), (5, 2.5), (3, -0.5)] {
            for end in [Some(END), None] {
                let found = search(beams, penalty, seed, end);
                let wanted = plain_search(beams, penalty, seed, end);
                assert_eq!(found.len(), wanted.len());
                for (found, wanted) in found.iter().zip(&wanted) {
                    let tokens: Vec<_> = found.tokens.iter().map(|token| token.index()).collect();
                    assert_eq!(tokens, wanted.0, "seed {seed}, {beams} beams, {penalty}");
                }
            }
        }

        let greedy = search(1, 0.0, seed, None);
        let mut tokens = Vec::new();
        while tokens.len() < MAX_LENGTH {
            tokens.push(Tensor1::from(log_probabilities(&tokens, seed)).argmax());
        }
        let found: Vec<_> = greedy[0].tokens.iter().map(|token| token.index()).collect();
        assert_eq!(found, tokens);
    }
}

#[test]
fn beam_searches_report_what_is_wrong() {
    let search = |settings: BeamSearch, value: f32| {
        settings
            .search((), index::<2>(0), None, |(), _, log| {
                *log = Tensor1::from([-1.0, value])
            })
            .map_err(|error| error.to_string())
    };
    let says = |settings, value, text: &str| {
        assert_eq!(search(settings, value).err().as_deref(), Some(text));
    };
    let valid = BeamSearch::new(2, 3);
    says(
        valid,
        f32::NAN,
        "the log-probability of token 1 at position 0 is NaN, or the step did not set it",
    );
    says(
        valid,
        2.0,
        "the log-probability of token 1 at position 0 is 2, but the logarithm of a probability is \
         at most 0; take `log_softmax` of logits",
    );
    says(
        BeamSearch::new(0, 3),
        0.0,
        "the beam search's `num_beams` is 0, but must be at least 1",
    );
    says(
        BeamSearch::new(1, 0),
        0.0,
        "the beam search's `max_length` is 0, but must be at least 1",
    );
    for (penalty, text) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (-1000.0, "-1000"),
        (10.5, "10.5"),
    ] {
        let text =
            format!("the beam search's `length_penalty` is {text}, but must be from -10 to 10");
        says(valid.length_penalty(penalty), 0.0, &text);
    }

    let unset = valid.search((), index::<2>(0), None, |(), _, _: &mut Tensor1<2>| ());
    assert_eq!(
        unset,
        Err(BeamError::NotANumber {
            position: 0,
            index: 0
        })
    );
    // If all tokens are excluded, there are no sequences.
    let none = search(valid, f32::NEG_INFINITY).expect("a search");
    assert_eq!(none.len(), 1);
}

/// Scores are numbers at the ends of the length penalty's range, also of certain sequences.
#[test]
fn the_largest_length_penalties_give_scores() {
    for penalty in [-10.0, 10.0] {
        let settings = BeamSearch::new(3, 4000).length_penalty(penalty);
        let found = settings
            .search((), index::<2>(0), None, |(), _, log| {
                *log = Tensor1::from([0.0, -1e38])
            })
            .expect("sequences");
        assert_eq!(found.len(), 3);
        assert!(
            found.iter().all(|found| found.score.is_finite()),
            "{penalty}"
        );
        assert!(found[0].score > found[1].score);
    }
}
