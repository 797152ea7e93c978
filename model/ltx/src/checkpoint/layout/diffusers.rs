//! Names of the diffusers folders, component by component, as the published single file has them.
//!
//! The mapping is the inverse of diffusers' own conversion (`scripts/convert_ltx2_to_diffusers.py`).

use super::configuration::Class;
use crate::checkpoint::Part;

/// The transformer's modules at the root.
const TRANSFORMER: [(&str, &str); 10] = [
    ("proj_in", "patchify_proj"),
    ("audio_proj_in", "audio_patchify_proj"),
    ("time_embed", "adaln_single"),
    ("audio_time_embed", "audio_adaln_single"),
    ("prompt_adaln", "prompt_adaln_single"),
    ("audio_prompt_adaln", "audio_prompt_adaln_single"),
    ("av_cross_attn_video_scale_shift", "av_ca_video_scale_shift_adaln_single"),
    ("av_cross_attn_audio_scale_shift", "av_ca_audio_scale_shift_adaln_single"),
    ("av_cross_attn_video_a2v_gate", "av_ca_a2v_gate_adaln_single"),
    ("av_cross_attn_audio_v2a_gate", "av_ca_v2a_gate_adaln_single"),
];

/// Modules inside the transformer's and the connectors' blocks.
const BLOCK: [(&str, &str); 4] = [
    ("norm_q", "q_norm"),
    ("norm_k", "k_norm"),
    ("video_a2v_cross_attn_scale_shift_table", "scale_shift_table_a2v_ca_video"),
    ("audio_a2v_cross_attn_scale_shift_table", "scale_shift_table_a2v_ca_audio"),
];

/// The vocoder's modules.
const VOCODER: [(&str, &str); 5] =
    [("upsamplers", "ups"), ("resnets", "resblocks"), ("conv_in", "conv_pre"), ("conv_out", "conv_post"), ("act_out", "act_post")];

/// A tensor's part and name; `None` for what the model has no use for.
pub fn name(class: Class, name: &str) -> Option<(Part, String)> {
    Some(match class {
        Class::Transformer => (Part::Transformer, transformer(name)),
        Class::Connectors => connectors(name),
        Class::VideoVae => (Part::VideoVae, video(name)),
        Class::AudioVae => (Part::AudioVae, statistics(name).unwrap_or_else(|| name.to_owned())),
        Class::Vocoder => (Part::Vocoder, vocoder(name)),
        // Which of the two it is, the settings say.
        Class::Upsampler => (Part::SpatialUpsampler, name.to_owned()),
        Class::DiffusionDecoder => (Part::DiffusionDecoder, name.strip_prefix("decoder.").unwrap_or(name).to_owned()),
        Class::DurationHead => (Part::DurationHead, name.to_owned()),
    })
}

/// Exchanges whole segments between dots.
fn segments(name: &str, table: &[(&str, &str)]) -> String {
    let one = |segment: &str| table.iter().find(|(from, _)| *from == segment).map_or(segment.to_owned(), |(_, to)| (*to).to_owned());
    name.split('.').map(one).collect::<Vec<_>>().join(".")
}

fn transformer(name: &str) -> String {
    let name = segments(name, &BLOCK);
    match name.split_once('.') {
        Some((first, rest)) if first != "transformer_blocks" => format!("{}.{rest}", segments(first, &TRANSFORMER)),
        _ => name,
    }
}

fn connectors(name: &str) -> (Part, String) {
    const PROJECTIONS: [(&str, &str); 3] = [
        ("text_proj_in.", "aggregate_embed."),
        ("video_text_proj_in.", "video_aggregate_embed."),
        ("audio_text_proj_in.", "audio_aggregate_embed."),
    ];
    if let Some(name) = PROJECTIONS.iter().find_map(|(from, to)| Some(format!("{to}{}", name.strip_prefix(from)?))) {
        return (Part::TextProjection, name);
    }
    const NAMES: [(&str, &str); 3] = [
        ("video_connector", "video_embeddings_connector"),
        ("audio_connector", "audio_embeddings_connector"),
        ("transformer_blocks", "transformer_1d_blocks"),
    ];
    (Part::Transformer, segments(&segments(name, &NAMES), &BLOCK))
}

fn statistics(name: &str) -> Option<String> {
    match name {
        "latents_mean" => Some("per_channel_statistics.mean-of-means".into()),
        "latents_std" => Some("per_channel_statistics.std-of-means".into()),
        _ => None,
    }
}

/// The video VAE: blocks and the convolutions between them are numbered in one row.
fn video(name: &str) -> String {
    if let Some(name) = statistics(name) {
        return name;
    }
    let Some((half, rest)) = name.split_once('.') else { return name.to_owned() };
    let down = half == "encoder";
    let row = if down { "down_blocks" } else { "up_blocks" };
    let numbered = |number: usize, rest: &str| format!("{half}.{row}.{number}.{}", rest.replace("resnets.", "res_blocks."));
    if let Some(rest) = rest.strip_prefix("mid_block.") {
        // The middle is the encoder's last block, and there are four before it; it is the decoder's first.
        return numbered(if down { 8 } else { 0 }, rest);
    }
    let block = rest.strip_prefix(row).and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.split_once('.'));
    let Some((number, inner)) = block.and_then(|(number, inner)| Some((number.parse::<usize>().ok().filter(|n| *n < 1000)?, inner))) else {
        return match rest {
            "scale_shift_table" => format!("{half}.last_scale_shift_table"),
            _ => format!("{half}.{}", rest.replace("time_embedder", "last_time_embedder")),
        };
    };
    let between = if down { "downsamplers.0." } else { "upsamplers.0." };
    match (inner.strip_prefix(between), down) {
        (Some(inner), _) => numbered(2 * number + 1, inner),
        (None, true) => numbered(2 * number, inner),
        (None, false) => numbered(2 * number + 2, inner),
    }
}

fn vocoder(name: &str) -> String {
    segments(name, &VOCODER).replace("downsample.filter", "downsample.lowpass.filter")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_of_the_single_file() {
        let of = |class, from: &str| name(class, from).unwrap();
        let t = |from: &str| of(Class::Transformer, from).1;
        assert_eq!(t("proj_in.weight"), "patchify_proj.weight");
        assert_eq!(t("proj_out.weight"), "proj_out.weight");
        assert_eq!(
            t("av_cross_attn_video_a2v_gate.emb.timestep_embedder.linear_1.bias"),
            "av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1.bias"
        );
        assert_eq!(t("transformer_blocks.3.attn1.norm_q.weight"), "transformer_blocks.3.attn1.q_norm.weight");
        assert_eq!(t("transformer_blocks.3.video_a2v_cross_attn_scale_shift_table"), "transformer_blocks.3.scale_shift_table_a2v_ca_video");
        assert_eq!(t("scale_shift_table"), "scale_shift_table");
        assert_eq!(
            of(Class::Connectors, "video_connector.transformer_blocks.0.attn1.norm_k.weight"),
            (Part::Transformer, "video_embeddings_connector.transformer_1d_blocks.0.attn1.k_norm.weight".into())
        );
        assert_eq!(of(Class::Connectors, "text_proj_in.weight"), (Part::TextProjection, "aggregate_embed.weight".into()));
        let v = |from: &str| of(Class::VideoVae, from).1;
        assert_eq!(v("encoder.down_blocks.2.resnets.0.conv1.conv.bias"), "encoder.down_blocks.4.res_blocks.0.conv1.conv.bias");
        assert_eq!(v("encoder.down_blocks.2.downsamplers.0.conv.conv.bias"), "encoder.down_blocks.5.conv.conv.bias");
        assert_eq!(v("encoder.mid_block.resnets.0.conv1.conv.bias"), "encoder.down_blocks.8.res_blocks.0.conv1.conv.bias");
        assert_eq!(v("decoder.mid_block.resnets.0.conv1.conv.bias"), "decoder.up_blocks.0.res_blocks.0.conv1.conv.bias");
        assert_eq!(v("decoder.up_blocks.0.upsamplers.0.conv.conv.bias"), "decoder.up_blocks.1.conv.conv.bias");
        assert_eq!(v("decoder.up_blocks.0.resnets.1.conv2.conv.bias"), "decoder.up_blocks.2.res_blocks.1.conv2.conv.bias");
        assert_eq!(
            v("decoder.time_embedder.timestep_embedder.linear_1.bias"),
            "decoder.last_time_embedder.timestep_embedder.linear_1.bias"
        );
        assert_eq!(v("latents_std"), "per_channel_statistics.std-of-means");
        let s = |from: &str| of(Class::Vocoder, from).1;
        assert_eq!(s("vocoder.upsamplers.0.bias"), "vocoder.ups.0.bias");
        assert_eq!(s("bwe_generator.act_out.downsample.filter"), "bwe_generator.act_post.downsample.lowpass.filter");
        assert_eq!(s("vocoder.resnets.1.acts1.0.upsample.filter"), "vocoder.resblocks.1.acts1.0.upsample.filter");
    }
}
