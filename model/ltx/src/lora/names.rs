//! What the tensors of LoRA files are called, by whom.

use crate::checkpoint::layout::configuration::Class;
use crate::checkpoint::layout::diffusers;

/// What a tensor is to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A, `[rank, inputs]`.
    Down,
    /// B, `[outputs, rank]`.
    Up,
    /// A scalar: the strength at which it was trained, times the rank.
    Alpha,
}

const ROLES: [(&str, Role); 7] = [
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_A.default.weight", Role::Down),
    (".lora_B.default.weight", Role::Up),
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".alpha", Role::Alpha),
];

const PREFIXES: [&str; 4] = ["model.diffusion_model.", "diffusion_model.", "base_model.model.", "transformer."];

/// The module a tensor changes, by the name in the published single file after `model.diffusion_model.`, and what the tensor is to it.
pub fn split(name: &str) -> Option<(String, Role)> {
    let (module, role) = ROLES.iter().find_map(|(end, role)| Some((name.strip_suffix(end)?, *role)))?;
    let module = PREFIXES.iter().find_map(|prefix| module.strip_prefix(prefix)).unwrap_or(module);
    if module.is_empty() {
        return None;
    }
    // Diffusers' names are known by a parameter's; the published file's are left as they are.
    let connector = ["video_connector.", "audio_connector."].iter().any(|prefix| module.starts_with(prefix));
    let class = if connector { Class::Connectors } else { Class::Transformer };
    let (_, parameter) = diffusers::name(class, &format!("{module}.weight"))?;
    Some((parameter.strip_suffix(".weight")?.to_owned(), role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_tools_lead_to_the_same_module() {
        let module = |name: &str| split(name).map(|(module, _)| module);
        for name in [
            "diffusion_model.transformer_blocks.3.attn1.to_q.lora_A.weight",
            "model.diffusion_model.transformer_blocks.3.attn1.to_q.lora_B.weight",
            "transformer.transformer_blocks.3.attn1.to_q.lora_A.default.weight",
            "transformer_blocks.3.attn1.to_q.lora_down.weight",
            "diffusion_model.transformer_blocks.3.attn1.to_q.alpha",
        ] {
            assert_eq!(module(name).as_deref(), Some("transformer_blocks.3.attn1.to_q"), "{name}");
        }
        for (theirs, ours) in [
            ("transformer.proj_in.lora_A.weight", "patchify_proj"),
            ("transformer.time_embed.emb.timestep_embedder.linear_1.lora_A.weight", "adaln_single.emb.timestep_embedder.linear_1"),
            ("transformer.av_cross_attn_audio_v2a_gate.linear.lora_A.weight", "av_ca_v2a_gate_adaln_single.linear"),
            (
                "transformer.video_connector.transformer_blocks.1.attn1.to_k.lora_A.weight",
                "video_embeddings_connector.transformer_1d_blocks.1.attn1.to_k",
            ),
        ] {
            assert_eq!(module(theirs).as_deref(), Some(ours));
        }
        for name in ["", "weight", "diffusion_model..lora_A.weight", "x.lora_A.bias", "x.dora_scale", ".alpha"] {
            assert_eq!(module(name), None, "{name}");
        }
    }
}
