//! The text path: tokens, Gemma's hidden states, what the connectors are given and what they give.

use candle_core::Tensor;
use ltx::checkpoint::{Part, Place};
use ltx::text::TextEncoder;

use crate::folder::{Dump, Folder, Rows};

const BAR: f64 = 5e-5;

pub fn rows(folder: &Folder, rows: &mut Rows) {
    let checkpoint = folder.checkpoint();
    if !checkpoint.has(Part::TextEncoder) {
        return;
    }
    let length = folder.argument("text_len").as_u64().unwrap() as usize;
    let encoder = TextEncoder::load(&checkpoint, &Place::default(), false).unwrap().with_length(length).unwrap();
    let streamed = TextEncoder::load(&checkpoint, &Place::default(), true).unwrap().with_length(length).unwrap();
    for case in ["t2v", "t2v_guided", "keyframes"] {
        let Some(dump) = folder.dump(case) else { continue };
        for (call, prompt) in [(0, "prompt"), (1, "negative")] {
            if !dump.has(&format!("text_encoder#{call}.in.input_ids")) {
                continue;
            }
            let prompt = folder.argument(prompt);
            let prompt = prompt.as_str().unwrap();
            compare(&encoder, prompt, &Case { name: case, call, dump: &dump }, rows);
            let (a, b) = (encoder.encode(prompt, &|| false).unwrap(), streamed.encode(prompt, &|| false).unwrap());
            assert_eq!(values(&a.video), values(&b.video), "streaming changes the result");
            assert_eq!(values(&a.audio), values(&b.audio), "streaming changes the result");
        }
    }
}

struct Case<'a> {
    name: &'a str,
    call: usize,
    dump: &'a Dump,
}

fn compare(encoder: &TextEncoder, prompt: &str, case: &Case<'_>, rows: &mut Rows) {
    let (call, dump) = (case.call, case.dump);
    let mask = values(&dump.tensor(&format!("text_encoder#{call}.in.attention_mask")));
    let count = mask.iter().filter(|m| **m > 0.0).count();
    let padded = mask.len() - count;
    let want: Vec<u32> = values(&dump.tensor(&format!("text_encoder#{call}.in.input_ids")))[padded..].iter().map(|t| *t as u32).collect();
    let tokens = encoder.tokens(prompt).unwrap();
    assert_eq!(tokens, want, "other tokens than the reference for {prompt:?}");

    // The reference pads on the left; its padding says nothing.
    let real = |t: Tensor| t.squeeze(0).unwrap().narrow(0, padded, count).unwrap();
    let states = encoder.hidden_states(&tokens).unwrap();
    for (index, state) in states.iter().enumerate() {
        let name = format!("text_encoder#{call}.out.hidden_states.{index}");
        if dump.has(&name) {
            rows.compare("text encoder", &format!("{} {name}", case.name), state, &real(dump.tensor(&name)), BAR);
        }
    }
    assert!(!dump.has(&format!("text_encoder#{call}.out.hidden_states.{}", states.len())), "hidden states are missing");

    // Both prompts of a guided run go through the connectors in one batch: the negative first.
    let batch = dump.tensor("connectors#0.out.0").dims()[0];
    let row = if batch == 2 { 1 - call } else { 0 };
    let inputs = encoder.connector_inputs(&states).unwrap();
    let context = encoder.connect(&inputs).unwrap();
    let first = "connectors.video.blocks.0#0.in.hidden_states";
    if dump.has(first) {
        let want = dump.tensor(first).get(row).unwrap().narrow(0, 0, count).unwrap();
        rows.compare("text features", &format!("{} {first}", case.name), &inputs[0], &want, BAR);
    }
    let encoded = encoder.encode(prompt, &|| false).unwrap();
    for (which, (got, whole)) in [(&context[0], &encoded.video), (&context[1], &encoded.audio)].into_iter().enumerate() {
        assert_eq!(values(got), values(whole), "the steps and the whole differ");
        let name = format!("connectors#0.out.{which}");
        rows.compare("text context", &format!("{} {name} row {row}", case.name), got, &dump.tensor(&name).get(row).unwrap(), BAR);
    }
    assert_eq!(encoded.tokens, count);
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}
