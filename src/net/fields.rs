//! A network as a card has it: its kind, and next to it the sizes for that kind.
//!
//! `serde(tag)` would read this too, but it buffers values of any kind until it meets the tag, and
//! the code for that is a twentieth of the page's download.

use serde::Deserialize;

use super::description::{Architecture, ImageShape};
use super::precondition::Preconditioning;
use super::refinenet::{Depth, RefineNetDescription, Variant};
use super::unet::UNetDescription;
use crate::noise::NoiseSchedule;

/// The sizes of every kind of network; the kind decides which must be there.
#[derive(Deserialize)]
#[serde(rename = "Architecture")]
pub(super) struct Fields {
    kind: Kind,
    #[serde(rename = "picture")]
    image_shape: ImageShape,

    patch: Option<usize>,
    widths: Option<Vec<usize>>,
    blocks: Option<usize>,
    attention: Option<Vec<bool>>,
    heads: Option<usize>,
    groups: Option<usize>,
    embedding: Option<usize>,
    preconditioning: Option<Preconditioning>,

    variant: Option<Variant>,
    depth: Option<Depth>,
    ngf: Option<usize>,
    #[serde(rename = "ladder")]
    schedule: Option<NoiseSchedule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    UNet,
    RefineNet,
}

impl TryFrom<Fields> for Architecture {
    /// Worded like serde's own errors.
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        Ok(match fields.kind {
            Kind::UNet => Self::UNet(UNetDescription {
                image_shape: fields.image_shape,
                patch: given("patch", fields.patch)?,
                widths: given("widths", fields.widths)?,
                blocks: given("blocks", fields.blocks)?,
                attention: given("attention", fields.attention)?,
                heads: given("heads", fields.heads)?,
                groups: given("groups", fields.groups)?,
                embedding: given("embedding", fields.embedding)?,
                preconditioning: given("preconditioning", fields.preconditioning)?,
            }),
            Kind::RefineNet => Self::RefineNet(RefineNetDescription {
                variant: given("variant", fields.variant)?,
                image_shape: fields.image_shape,
                depth: given("depth", fields.depth)?,
                ngf: given("ngf", fields.ngf)?,
                schedule: given("ladder", fields.schedule)?,
            }),
        })
    }
}

fn given<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_each_kind_survive_json() {
        let image_shape = ImageShape { channels: 3, height: 32, width: 32 };
        let preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.25 };
        let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 10 };
        let (variant, depth) = (Variant::Ncsnv2, Depth::Deeper);
        for (architecture, kind) in [
            (Architecture::UNet(UNetDescription::new(image_shape, preconditioning)), "unet"),
            (
                Architecture::RefineNet(RefineNetDescription {
                    variant,
                    image_shape,
                    depth,
                    ngf: 64,
                    schedule,
                }),
                "refinenet",
            ),
        ] {
            let json = serde_json::to_value(&architecture).expect("plain data");
            assert_eq!(json["kind"], kind);
            let read: Architecture = serde_json::from_value(json.clone()).expect("its own output");
            assert_eq!(read, architecture);
            // Without any one of its fields it is refused, by the field's name.
            let fields = json.as_object().expect("an object");
            for name in fields.keys() {
                let mut fields = fields.clone();
                fields.remove(name);
                let error = serde_json::from_value::<Architecture>(fields.into());
                let error = error.expect_err("must be refused").to_string();
                assert_eq!(error, format!("missing field `{name}`"));
            }
        }
    }
}
