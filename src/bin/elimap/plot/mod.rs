//! Pictures, as SVG and PNG: one description for both.

pub(crate) mod curves;
pub(crate) mod graph;
mod layout;

use std::io::Write;
use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result, anyhow, bail};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::output::{check_target, temporary_beside};

/// The letters of pictures in PNG.
const FONT: &[u8] = include_bytes!("../../../../assets/dejavu-sans.ttf");
/// How letters are asked for; an SVG is lettered by whoever shows it.
pub(crate) const SANS: &str = "sans-serif";

pub(crate) const BLUE: RGBColor = RGBColor(31, 99, 165);
pub(crate) const ORANGE: RGBColor = RGBColor(200, 92, 16);
pub(crate) const GREY: RGBColor = RGBColor(90, 90, 90);

/// Pixels of a PNG by unit of the description.
const SCALE: u32 = 2;
/// More pixels than this are not drawn.
const MOST_PIXELS: u64 = 100_000_000;

/// Something to draw, in units that are the pixels of an SVG times a scale.
pub(crate) trait Picture {
    /// Width and height at a scale of 1.
    fn size(&self) -> (u32, u32);

    /// Draws it on a white area of that size times the scale.
    fn paint<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, scale: u32) -> Result<()>;
}

/// A failure of the drawing, as an error of its own: the backends' are of many types.
pub(crate) fn failed<E: std::fmt::Display>(error: E) -> anyhow::Error {
    anyhow!("drawing failed: {error}")
}

/// Writes a picture as the ending of the file's name says; the file appears when it is complete.
pub(crate) fn write(path: &Path, picture: &impl Picture) -> Result<()> {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // It is a font; a picture without letters says so itself.
        let _ = register_font(SANS, FontStyle::Normal, FONT);
    });
    check_target(path)?;
    let extension = path.extension().and_then(|ending| ending.to_str());
    let bytes = match extension {
        Some("svg") => svg(picture)?.into_bytes(),
        Some("png") => png(picture)?,
        _ => bail!(
            "`{}` ends neither in .svg nor in .png; name the picture so",
            path.display()
        ),
    };
    let save = || -> Result<()> {
        let mut file = temporary_beside(path)?;
        file.write_all(&bytes)?;
        file.persist(path)?;
        Ok(())
    };
    save().with_context(|| format!("writing {}", path.display()))
}

fn svg(picture: &impl Picture) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, picture.size()).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        picture.paint(&area, 1)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

fn png(picture: &impl Picture) -> Result<Vec<u8>> {
    let (width, height) = picture.size();
    let (width, height) = (width * SCALE, height * SCALE);
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS {
        bail!("the picture has {width} x {height} pixels; write an .svg, which has none");
    }
    let mut buffer = vec![0; 3 * pixels as usize];
    {
        let area = BitMapBackend::with_buffer(&mut buffer, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        picture.paint(&area, SCALE)?;
        area.present().map_err(failed)?;
    }
    Ok(encode(&buffer, width, height)?)
}

/// A PNG of rows of red, green and blue, one byte each: signature, header, the compressed rows, end (PNG specification,
/// third edition).
fn encode(pixels: &[u8], width: u32, height: u32) -> std::io::Result<Vec<u8>> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels.chunks_exact(3 * width as usize) {
        // Every row begins with its filter, none.
        rows.write_all(&[0])?;
        rows.write_all(row)?;
    }
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // 8 bits a sample, of red, green and blue; the only compression and filtering there are; not interlaced.
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", header),
        (b"IDAT", rows.finish()?),
        (b"IEND", Vec::new()),
    ] {
        let length = u32::try_from(data.len()).map_err(std::io::Error::other)?;
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(&data);
        png.extend(length.to_be_bytes());
        png.extend(kind);
        png.extend(data);
        png.extend(sum.sum().to_be_bytes());
    }
    Ok(png)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_png_holds_its_pixels_in_checked_chunks() {
        let pixels: Vec<u8> = (0..18).collect();
        let png = encode(&pixels, 3, 2).unwrap();
        let (signature, mut rest) = png.split_at(8);
        assert_eq!(signature, b"\x89PNG\r\n\x1a\n");
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let mut sum = Crc::new();
            sum.update(&rest[4..8 + length]);
            assert_eq!(rest[8 + length..][..4], sum.sum().to_be_bytes());
            chunks.push((rest[4..8].to_vec(), rest[8..8 + length].to_vec()));
            rest = &rest[12 + length..];
        }
        let kinds: Vec<_> = chunks.iter().map(|(kind, _)| &kind[..]).collect();
        assert_eq!(kinds, [b"IHDR", b"IDAT", b"IEND"]);
        assert_eq!(chunks[0].1, [0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(&chunks[1].1[..])
            .read_to_end(&mut rows)
            .unwrap();
        assert_eq!(rows, [&[0], &pixels[..9], &[0], &pixels[9..]].concat());
    }
}
