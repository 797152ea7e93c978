//! Sound: encoder, decoder, vocoder, and the spectrum between its halves.

use candle_core::Tensor;
use ltx::audio::mel::MelSpectrum;
use ltx::audio::{Config, Decoder, Encoder, Vocoder, bandwidth};
use ltx::checkpoint::{Part, Place};

use crate::folder::{Dump, Folder, Rows, relative};

const BAR: f64 = 2e-5;
/// What the issue grants to the whole way from latents to samples.
const SOUND: f64 = 1e-3;

pub fn rows(folder: &Folder, rows: &mut Rows) {
    let checkpoint = folder.checkpoint();
    let place = Place::default();
    let go_on = || false;
    let decoder = Decoder::load(&checkpoint, &place).unwrap();
    let vocoder = Vocoder::load(&checkpoint, &place).unwrap().without_limit();
    for name in ["t2v", "t2v_guided", "keyframes"] {
        let Some(dump) = folder.dump(name) else { continue };
        if dump.has("audio_vae.decoder#0.in.sample") && dump.has("audio_vae.decoder#0.out") {
            let got = decoder.spectrum(&packed(&dump.tensor("audio_vae.decoder#0.in.sample")), &go_on).unwrap();
            rows.compare(
                "sound decoder",
                &format!("{name}: audio_vae.decoder#0.out"),
                &got,
                &spectrum(&dump, "audio_vae.decoder#0.out"),
                BAR,
            );
        }
        if dump.has("vocoder#0.out") {
            // The argument has another name in generation 2.0.
            let input = ["vocoder#0.in.mel_spec", "vocoder#0.in.hidden_states"].into_iter().find(|name| dump.has(name)).unwrap();
            let got = vocoder.synthesise(&spectrum(&dump, input), &go_on).unwrap();
            rows.compare("vocoder", &format!("{name}: vocoder#0.out"), &got, &samples(&dump, "vocoder#0.out"), BAR);
        }
        if dump.has("audio_vae.decoder#0.in.sample") && dump.has("final.audio") {
            let latent = decoder.statistics().normalise(&packed(&dump.tensor("audio_vae.decoder#0.in.sample"))).unwrap();
            let mel = decoder.decode(&latent, &go_on).unwrap();
            let got = vocoder.synthesise(&mel, &go_on).unwrap();
            rows.compare("vocoder", &format!("{name}: final.audio, from the latent"), &got, &samples(&dump, "final.audio"), SOUND);
        }
    }
    let Some(dump) = folder.dump("a2v_modules") else { return };
    if dump.has("audio_vae.encode.in") {
        let encoder = Encoder::load(&checkpoint, &place).unwrap();
        let got = encoder.raw(&spectrum(&dump, "audio_vae.encode.in"), &go_on).unwrap();
        rows.compare("sound encoder", "audio_vae.encode.mean", &got, &packed(&dump.tensor("audio_vae.encode.mean")), BAR);
    }
    if dump.has("mel_stft.in") && dump.has("mel_stft.log_mel") {
        let (weights, section) = checkpoint.part(Part::Vocoder, &place).unwrap();
        let config = bandwidth::Config::read(&section.section("bwe")).unwrap();
        let stft = bandwidth::Spectrum::load(&weights.at("mel_stft"), &config).unwrap();
        let waves = dump.tensor("mel_stft.in");
        let channels = waves.dims()[0];
        let interleaved: Vec<f32> = waves.t().unwrap().flatten_all().unwrap().to_vec1().unwrap();
        if dump.has("mel_stft.magnitude") {
            let magnitudes: Vec<f32> = (0..channels).flat_map(|c| stft.magnitudes(&interleaved, channels, c)).collect();
            let want = dump.tensor("mel_stft.magnitude").transpose(1, 2).unwrap();
            rows.compare("vocoder", "mel_stft.magnitude", &like(magnitudes, &want), &want, BAR);
        }
        // [channels, bins, frames] → [frames, channels, bins]
        let want = dump.tensor("mel_stft.log_mel").permute((2, 0, 1)).unwrap();
        rows.compare("vocoder", "mel_stft.log_mel", &like(stft.log_mel(&interleaved, channels), &want), &want, BAR);
    }
}

fn like(values: Vec<f32>, want: &Tensor) -> Tensor {
    Tensor::from_vec(values, want.shape(), want.device()).unwrap()
}

/// `[1, channels, time, bins]` → `[time, channels·bins]`.
fn packed(latent: &Tensor) -> Tensor {
    let (_, channels, time, bins) = latent.dims4().unwrap();
    latent.permute((0, 2, 1, 3)).unwrap().reshape((time, channels * bins)).unwrap()
}

/// `[1, 2, frames, bins]` → `[frames, 2, bins]`.
fn spectrum(dump: &Dump, name: &str) -> Tensor {
    dump.tensor(name).squeeze(0).unwrap().transpose(0, 1).unwrap().contiguous().unwrap()
}

/// `[1, channels, samples]` as `[samples, channels]`.
pub fn samples(dump: &Dump, name: &str) -> Tensor {
    dump.tensor(name).squeeze(0).unwrap().t().unwrap().contiguous().unwrap()
}

/// The spectrum that sound is encoded from has no stage in the folders. The fixture holds a rising tone beside noise, 0.125 s at 16 kHz,
/// and their spectrum by torch.stft (Hann, centred, mirrored) and the mel_filter_bank of transformers (Slaney's scale and norm).
#[test]
fn the_mel_spectrum_agrees_with_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mel_spectrum.safetensors");
    let fixture = Dump::open(path.as_ref());
    let got = MelSpectrum::new(&Config::default()).forward(&fixture.tensor("samples")).unwrap();
    let error = relative(&got, &fixture.tensor("log_mel"));
    assert!(error <= BAR, "{error:e}");
}
