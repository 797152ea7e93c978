//! The grammar of `pickup weights`.

use clap::{Args, Subcommand, ValueEnum};

/// `pickup weights`
#[derive(Debug, Args)]
#[command(after_help = "\
The weights of a model are tens of gigabytes and belong to whoever made them, so Pickup brings
none. To get some:

    pickup weights list                     what there is, how large, under which licence
    pickup weights get ltx-2.5-distilled    shows the licence, asks you to agree, fetches it

They are kept in the folder that PICKUP_WEIGHTS names, else in the user's data folder
(~/.local/share/pickup/weights on Linux). A download that stops, for whatever reason, goes on
where it stopped when the same command is run again.")]
pub struct Weights {
    /// What to do.
    #[command(subcommand)]
    pub command: WeightsCommand,
}

/// What can be done with weights.
#[derive(Debug, Subcommand)]
pub enum WeightsCommand {
    /// What there is by name: size, licence, and how much of it is on this machine
    List(List),
    /// Fetch weights, or go on with a download that stopped
    Get(Get),
    /// Read weights again and compare every file with its recorded hash
    Verify(Verify),
    /// The folder that holds weights, for a script
    Path(PathOf),
    /// Remove weights from this machine
    Rm(Remove),
    /// Make weights smaller, so that they fit into less memory
    Quantise(Quantise),
}

/// `pickup weights list`
#[derive(Debug, Args)]
#[command(after_help = "\
'installed' is all there, 'partial' has begun, 'missing' is not here; 'own' is a folder of yours
in the weights folder. Licences are named as --accept-licence wants them; * means that the model
hub wants a login as well (HF_TOKEN).

Entries of your own go into weights.json in the weights folder:

    {\"schema\": \"pickup-weights/1\",
     \"sources\": {\"mine\": {\"repository\": \"OWNER/NAME\", \"revision\": \"main\",
                          \"licence\": \"ltx-2.x-community\", \"login\": false}},
     \"parts\": {\"look\": {\"source\": \"mine\",
                        \"files\": [{\"path\": \"look.safetensors\", \"size\": null, \"sha256\": null}]}},
     \"weights\": [{\"name\": \"look-lora\", \"kind\": \"lora\", \"generation\": \"2.5\",
                  \"title\": \"Our look\", \"parts\": [\"look\"]}]}

A licence that is not known goes under \"licences\":
{\"NAME\": {\"title\": …, \"url\": …, \"means\": …}}. What is null is taken from the server.")]
pub struct List {
    /// Only these names
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// `pickup weights get`
#[derive(Debug, Args)]
#[command(after_help = "\
Licences: on a terminal you are shown the licence and type its name to agree; elsewhere give
--accept-licence NAME, once for each. When you agreed is written down beside the weights.

Login: weights marked * in the list want an account at the model hub. Accept the licence on the
model's page there, make a read token, and put it into HF_TOKEN (the token file of the hub's own
tools is read too). It is sent to the hub only.

Network: HF_ENDPOINT names another hub or a mirror, HTTPS_PROXY a proxy, SSL_CERT_FILE your own
certificates, HF_HUB_DOWNLOAD_TIMEOUT the seconds without a byte after which a connection is
given up (30).

Ctrl-C stops; what came is kept, and the same command goes on from there.")]
pub struct Get {
    /// What to fetch, a name from `pickup weights list`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Agree to the licence of this name; may be given again
    #[arg(long, value_name = "LICENCE")]
    pub accept_licence: Vec<String>,
    /// One JSON event per line
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// `pickup weights verify`
#[derive(Debug, Args)]
#[command(
    after_help = "Reads every byte, so it takes as long as the disk does. Damaged files are not used any more; `pickup weights get` fetches them anew."
)]
pub struct Verify {
    /// What to check
    #[arg(value_name = "NAME")]
    pub name: String,
    /// One JSON event per line
    #[arg(long)]
    pub json: bool,
}

/// `pickup weights path`
#[derive(Debug, Args)]
pub struct PathOf {
    /// A name, or a folder of weights
    #[arg(value_name = "NAME")]
    pub name: String,
    /// As a JSON object
    #[arg(long)]
    pub json: bool,
}

/// `pickup weights rm`
#[derive(Debug, Args)]
pub struct Remove {
    /// What to remove
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// As a JSON object
    #[arg(long)]
    pub json: bool,
}

/// How small quantised weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SmallArg {
    /// Half of bf16, and as good
    #[value(name = "q8_0")]
    Q8,
    /// Two fifths
    #[value(name = "q6_k")]
    Q6,
    /// Less than a third; it shows in fine detail
    #[value(name = "q4_k")]
    Q4,
}

/// `pickup weights quantise`
#[derive(Debug, Args)]
#[command(after_help = "\
Makes a folder of weights of its own, NAME-q8_0 if you do not say otherwise, and leaves NAME as it
is. The large matrices of the transformer and the text encoder become smaller, in GGUF files; all
else is taken over without being kept twice. Use it as --weights NAME-q8_0.")]
pub struct Quantise {
    /// What to make smaller: a name, or a folder of weights
    #[arg(value_name = "NAME|FOLDER")]
    pub name: String,
    /// How small
    #[arg(long, value_enum)]
    pub to: SmallArg,
    /// What the new weights are called
    #[arg(long = "as", value_name = "NAME")]
    pub new_name: Option<String>,
    /// One JSON event per line
    #[arg(long)]
    pub json: bool,
}

impl WeightsCommand {
    /// Whether events are told as JSON, and whether nothing but errors is said.
    pub fn tell(&self) -> crate::cli::Tell {
        let (json, quiet) = match self {
            Self::List(a) => (a.json, false),
            Self::Get(a) => (a.json, a.quiet),
            Self::Verify(a) => (a.json, false),
            Self::Path(a) => (a.json, false),
            Self::Rm(a) => (a.json, false),
            Self::Quantise(a) => (a.json, false),
        };
        crate::cli::Tell { json, quiet }
    }
}
