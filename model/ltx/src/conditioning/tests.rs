//! Grids, times, masks and what is appended.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;

use super::grid::{self, Clock, VideoGrid};
use super::{Guide, Reference, Region, State};
use crate::sampling::noise::{Noise, Purpose};

const GRID: VideoGrid = VideoGrid { frames: 4, rows: 2, columns: 3 };

fn clock() -> Clock {
    Clock::exact(24.0).unwrap()
}

fn picture(frames: usize, seed: u64) -> Tensor {
    Noise::new(seed).grid(Purpose::Pixels, [frames, 2, 3], 8).unwrap().reshape((frames, 2, 3, 8)).unwrap()
}

fn state() -> State {
    State::video(GRID, 8, clock(), None).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

proptest! {
    #[test]
    fn latent_frames_cover_the_clip_once(latents in 1usize..60, rate in 1.0f64..120.0) {
        let clock = Clock::exact(rate).unwrap();
        let grid = VideoGrid { frames: latents, rows: 1, columns: 1 };
        let times = clock.video(grid).swap_remove(0);
        prop_assert_eq!(times[0].0, 0.0);
        prop_assert!(times.windows(2).all(|w| w[0].1 == w[1].0));
        let last = times[latents - 1].1;
        prop_assert!((f64::from(last) - grid.picture_frames() as f64 / rate).abs() < 1e-4);
        for frame in 0..grid.picture_frames() {
            let (start, end) = VideoGrid::frames_of(VideoGrid::latent_of(frame));
            prop_assert!((start..end).contains(&frame));
        }
    }

    #[test]
    fn sound_lasts_as_long_as_the_picture(frames in 1usize..2000, rate in 1.0f64..120.0) {
        let tokens = Clock::exact(rate).unwrap().sound_tokens(frames);
        prop_assert!((tokens as f64 / grid::SOUND_RATE - frames as f64 / rate).abs() <= 0.02 + 1e-9);
        let times = grid::sound(tokens).swap_remove(0);
        prop_assert!(times.windows(2).all(|w| w[0].1 == w[1].0 && w[0].0 < w[0].1));
        // 40 ms a latent, the first 10.
        if let Some((start, end)) = times.first() {
            prop_assert_eq!((*start, *end), (0.0, 0.01));
        }
    }

    #[test]
    fn even_keyframes_rise_and_leave_the_ends(latents in 1usize..20, count in 0usize..40) {
        let grid = VideoGrid { frames: latents, ..GRID };
        match grid.evenly(count) {
            Ok(frames) => {
                prop_assert_eq!(frames.len(), count);
                prop_assert!(frames.windows(2).all(|w| w[0] < w[1]));
                prop_assert!(frames.iter().all(|f| *f > 0 && *f < grid.picture_frames() - 1));
            }
            Err(_) => prop_assert!(count + 2 > grid.picture_frames()),
        }
    }

    #[test]
    fn only_clips_that_have_a_grid_get_one(frames in 0usize..100, height in 0usize..200, width in 0usize..200) {
        let fits = frames % 8 == 1 && height > 0 && width > 0 && height % 32 == 0 && width % 32 == 0;
        match VideoGrid::of(frames, height, width) {
            Ok(grid) => {
                prop_assert!(fits);
                prop_assert_eq!((grid.picture_frames(), grid.rows * 32, grid.columns * 32), (frames, height, width));
            }
            Err(_) => prop_assert!(!fits),
        }
    }

    #[test]
    fn tokens_that_share_time_with_a_region_are_remade(start in 0.0f64..2.0, length in 0.01f64..2.0, feather in 0.0f64..1.0) {
        let region = Region { start, end: start + length, feather };
        let grid = VideoGrid { frames: 9, ..GRID };
        let mut states = [State::video(grid, 4, clock(), None).unwrap(), State::sound(70, 4, None).unwrap()];
        for state in &mut states {
            state.remake(&[region]).unwrap();
            for (mask, (from, to)) in state.mask.iter().zip(&state.positions[0]) {
                let shares = f64::from(*to) > region.start && f64::from(*from) < region.end;
                let middle = f64::from(from + to) / 2.0;
                let distance = (region.start - middle).max(middle - region.end);
                prop_assert!((0.0..=1.0).contains(mask));
                prop_assert!(!shares || *mask == 1.0);
                prop_assert!(shares || distance < feather || *mask == 0.0);
            }
            // Two regions remake what either does.
            let once = state.mask.clone();
            state.remake(&[region, Region::hard(0.0, 0.05)]).unwrap();
            prop_assert!(state.mask.iter().zip(&once).all(|(both, one)| both >= one));
            prop_assert_eq!(state.mask[0], 1.0);
        }
    }

    #[test]
    fn every_token_finds_its_level(masks in proptest::collection::vec(prop_oneof![Just(0.0f32), Just(1.0), 0.0f32..=1.0], 24), sigma in 0.0f32..=1.0) {
        let mut state = state();
        state.remake_by(&masks).unwrap();
        let found = state.timesteps(sigma);
        prop_assert!(found.values.len() <= 24);
        for (mask, at) in masks.iter().zip(found.index) {
            prop_assert_eq!(found.values[at as usize], mask * sigma);
        }
        prop_assert_eq!(state.freeze().timesteps(sigma).values, [0.0]);
    }

    #[test]
    fn beginnings_follow_the_rule(scale in 0.0f32..=1.0, mask in 0.0f32..=1.0) {
        let given = picture(4, 3);
        let mut state = State::video(GRID, 8, clock(), Some(&given)).unwrap();
        let shares: Vec<f32> = (0..24).map(|i| if i < 6 { 0.0 } else { mask }).collect();
        state.remake_by(&shares).unwrap();
        let noise = Noise::new(4);
        let begun = values(&state.noised(&noise, scale).unwrap().latent);
        let (given, noise) = (values(&given), values(&noise.grid(Purpose::Video, [4, 2, 3], 8).unwrap()));
        prop_assert_eq!(&begun[..48], &given[..48]);
        for ((x, g), n) in begun.iter().zip(&given).zip(&noise).skip(48) {
            prop_assert!((x - (g * (1.0 - mask) + mask * ((1.0 - scale) * g + scale * n))).abs() < 1e-5);
        }
    }

    #[test]
    fn strengths_have_the_authors_blocks(groups in proptest::collection::vec((1usize..3, proptest::option::of(0.0f32..=1.0)), 0..4)) {
        let mut state = state();
        // The reference's way: the matrix grows by every group, once there is one.
        let mut naive: Option<Vec<Vec<f32>>> = None;
        for (frames, attention) in &groups {
            let (before, new) = (state.tokens(), frames * 6);
            let latent = picture(*frames, 9);
            state.append_guide(&Guide { latent: &latent, frame: 5, picture_frames: 1, strength: 1.0, attention: *attention }).unwrap();
            if attention.is_none() && naive.is_none() {
                continue;
            }
            let strength = attention.unwrap_or(1.0);
            let old = naive.take().unwrap_or_else(|| vec![vec![1.0; before]; before]);
            let both = |i: usize, j: usize| match (i < before, j < before) {
                (true, true) => old[i][j],
                (false, false) => 1.0,
                (true, false) => if i < 24 { strength } else { 0.0 },
                (false, true) => if j < 24 { strength } else { 0.0 },
            };
            naive = Some((0..before + new).map(|i| (0..before + new).map(|j| both(i, j)).collect()).collect());
        }
        let got = state.attention().unwrap().map(|t| t.to_vec2::<f32>().unwrap());
        prop_assert_eq!(got, naive);
    }
}

#[test]
fn rates_above_thirty_are_told_as_sixty() {
    for (rate, told) in [(23.976, 23.976), (25.0, 25.0), (30.0, 30.0), (47.952, 60.0), (50.0, 60.0), (60.0, 60.0), (120.0, 60.0)] {
        assert_eq!(Clock::snapped(rate).unwrap().rate(), told);
    }
    assert_eq!(clock().faster(2.0).unwrap().rate(), 12.0);
    for rate in [0.0, -24.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(Clock::exact(rate).is_err() && Clock::snapped(rate).is_err());
    }
    assert!(clock().faster(0.0).is_err());
}

#[test]
fn tokens_lie_on_their_patches() {
    let positions = clock().video(GRID);
    // Frame 2, row 1, column 2.
    let token = 2 * 6 + 3 + 2;
    assert_eq!(positions[0][token], (9.0 / 24.0, 17.0 / 24.0));
    assert_eq!(positions[1][token], (32.0, 64.0));
    assert_eq!(positions[2][token], (64.0, 96.0));
    let places: Vec<_> = GRID.places().collect();
    assert_eq!((places.len(), places[token]), (24, [2, 1, 2]));
}

#[test]
fn keyframes_lie_at_their_frame() {
    let mut state = state();
    let still = picture(1, 1);
    let guide = Guide { latent: &still, frame: 24, picture_frames: 1, strength: 1.0, attention: None };
    state.append_guide(&guide).unwrap();
    state.append_guide(&Guide { frame: 0, strength: 0.75, ..guide.clone() }).unwrap();
    assert_eq!(state.positions[0][24], (1.0, 25.0 / 24.0));
    assert_eq!(state.positions[0][30], (0.0, 1.0 / 24.0));
    assert_eq!(state.positions[1][29], (32.0, 64.0));
    assert_eq!((state.mask[24], state.mask[30], state.mask[23]), (0.0, 0.25, 1.0));
    assert_eq!(values(&state.clean.narrow(0, 24, 6).unwrap()), values(&still));
    assert_eq!(values(&state.latent.narrow(0, 24, 6).unwrap()), [0.0; 48]);
    // Given pictures are never marked; the target's first frame always is.
    let marked: Vec<usize> = state.keyframes.as_ref().unwrap().iter().enumerate().filter_map(|(i, k)| k.then_some(i)).collect();
    assert_eq!(marked, [0, 1, 2, 3, 4, 5]);
    assert!(state.append_guide(&Guide { frame: 25, ..guide.clone() }).is_err());
    assert!(state.append_guide(&Guide { strength: 1.5, ..guide.clone() }).is_err());
    assert!(state.append_guide(&Guide { latent: &Tensor::zeros((1, 2, 2, 8), DType::F32, &Device::Cpu).unwrap(), ..guide }).is_err());
    // What does not belong in the end is gone.
    assert_eq!(state.strip().unwrap().latent.dims(), [4, 2, 3, 8]);
}

#[test]
fn clips_as_guides_last_eight_frames_a_latent() {
    let mut state = state();
    let clip = picture(2, 1);
    let guide = Guide { latent: &clip, frame: 8, picture_frames: 9, strength: 1.0, attention: None };
    state.append_guide(&guide).unwrap();
    state.append_guide(&Guide { frame: 0, ..guide }).unwrap();
    let time = |token: usize| state.positions[0][token];
    assert_eq!((time(24), time(30)), ((8.0 / 24.0, 16.0 / 24.0), (16.0 / 24.0, 1.0)));
    assert_eq!((time(36), time(42)), ((0.0, 1.0 / 24.0), (1.0 / 24.0, 9.0 / 24.0)));
}

#[test]
fn references_lie_over_the_target() {
    let mut state = State::video(VideoGrid { rows: 4, columns: 6, ..GRID }, 8, clock(), None).unwrap();
    let latent = picture(4, 2);
    let reference = Reference { latent: &latent, downscale: 2, slower: 1, strength: 1.0, attention: None };
    state.append_reference(&reference).unwrap();
    let (target, last) = (4 * 24, 4 * 24 + 23);
    assert_eq!(state.positions[1][last], (64.0, 128.0));
    assert_eq!(state.positions[2][last], (128.0, 192.0));
    assert_eq!(state.positions[0][last], state.positions[0][target - 1]);
    // Half as many frames a second: it ends where the target of twice its frames ends, and nothing begins before 0.
    state.append_reference(&Reference { slower: 2, ..reference.clone() }).unwrap();
    let times = &state.positions[0][last + 1..];
    assert_eq!(times[0], (0.0, 1.0 / 24.0));
    assert!((times[23].1 - 49.0 / 24.0).abs() < 1e-6);
    assert!(state.append_reference(&Reference { downscale: 0, ..reference }).is_err());
}

#[test]
fn generated_keyframes_come_back_alone() {
    let mut state = state();
    state.append_slots(&[4, 20], None).unwrap();
    assert!(state.append_slots(&[5], None).is_err());
    let state = state.noised(&Noise::new(1), 1.0).unwrap();
    assert_eq!(state.positions[0][24], (4.0 / 24.0, 5.0 / 24.0));
    assert_eq!(state.keyframes.as_ref().unwrap().iter().filter(|k| **k).count(), 18);
    let stripped = state.strip().unwrap();
    assert_eq!(stripped.keyframes.as_ref().unwrap().dims(), [2, 2, 3, 8]);
    assert_eq!(values(&stripped.keyframes.unwrap()), values(&state.latent.narrow(0, 24, 12).unwrap()));
    // The same keyframe begins as the same noise, whatever else is asked for.
    let mut alone = self::state();
    alone.append_slots(&[20], None).unwrap();
    let alone = alone.noised(&Noise::new(1), 1.0).unwrap();
    assert_eq!(values(&alone.latent.narrow(0, 24, 6).unwrap()), values(&state.latent.narrow(0, 30, 6).unwrap()));
    for frames in [&[][..], &[3, 3], &[4, 2], &[25]] {
        assert!(self::state().append_slots(frames, None).is_err(), "{frames:?}");
    }
    let initial = picture(1, 8);
    let mut begun = self::state();
    begun.append_slots(&[7], Some(&initial)).unwrap();
    assert_eq!(values(&begun.latent.narrow(0, 24, 6).unwrap()), values(&initial));
}

#[test]
fn a_later_window_has_the_noise_of_its_place() {
    let noise = Noise::new(6);
    let long = State::video(VideoGrid { frames: 9, ..GRID }, 8, clock(), None).unwrap().noised(&noise, 1.0).unwrap();
    let window = state().at_place(5, 0, 0).noised(&noise, 1.0).unwrap();
    assert_eq!(values(&window.latent), values(&long.latent.narrow(0, 30, 24).unwrap()));
}

#[test]
fn sounds_take_sounds_and_pictures_pictures() {
    let mut sound = State::sound(10, 8, None).unwrap();
    let voice = Tensor::ones((3, 8), DType::F32, &Device::Cpu).unwrap();
    sound.append_sound(&voice, grid::sound(3).swap_remove(0), 1.0).unwrap();
    assert_eq!((sound.tokens(), sound.mask[12], sound.positions[0][12]), (13, 0.0, (0.05, 0.09)));
    assert_eq!(sound.strip().unwrap().latent.dims(), [10, 8]);
    let still = picture(1, 1);
    assert!(sound.replace(&still, 0, 1.0).is_err());
    assert!(sound.append_slots(&[0], None).is_err());
    assert!(state().append_sound(&voice, grid::sound(3).swap_remove(0), 1.0).is_err());
    assert!(sound.append_sound(&voice, Vec::new(), 1.0).is_err());
    let mut video = state();
    assert!(video.replace(&picture(2, 1), 3, 1.0).is_err());
    assert!(video.replace(&still, usize::MAX, 1.0).is_err());
    assert!(State::video(GRID, 8, clock(), Some(&still)).is_err());
    assert!(State::sound(0, 8, None).is_err());
    assert!(
        video.remake(&[Region::hard(1.0, 1.0)]).is_err()
            && video.remake(&[Region { feather: f64::NAN, ..Region::hard(0.0, 1.0) }]).is_err()
    );
    assert!(video.remake_by(&[2.0; 24]).is_err() && video.remake_by(&[1.0; 3]).is_err());
}
