//! Planes of a decoder into float RGBA, and float RGBA into the planes of an encoder.

use shot::{Picture, Size};

use crate::layout::{Layout, Levels, Matrix, Model};

/// Where a chroma sample lies among the luma samples it covers: 0 on the first of them, 1 on the last, ½ in the middle; across
/// and down (ITU-T H.264 annex E, chroma_sample_loc_type).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Siting(pub f32, pub f32);

impl Siting {
    /// The siting of a ffprobe `chroma_location`; untagged is MPEG-2's (left) for limited range and JPEG's (centre) for full.
    pub(crate) fn of_tag(tag: Option<&str>, full: bool) -> Self {
        match tag {
            Some("left") => Self(0.0, 0.5),
            Some("center") => Self(0.5, 0.5),
            Some("topleft") => Self(0.0, 0.0),
            Some("top") => Self(0.5, 0.0),
            Some("bottomleft") => Self(0.0, 1.0),
            Some("bottom") => Self(0.5, 1.0),
            _ if full => Self(0.5, 0.5),
            _ => Self(0.0, 0.5),
        }
    }

    /// The siting after the picture was turned clockwise by this many quarters.
    pub(crate) const fn turned(self, quarters: u8) -> Self {
        match quarters {
            1 => Self(1.0 - self.1, self.0),
            2 => Self(1.0 - self.0, 1.0 - self.1),
            3 => Self(self.1, 1.0 - self.0),
            _ => self,
        }
    }
}

/// How raw frames of one stream become pictures. Values are the stream's own encoding, 0 to 1 nominal: what lies above white
/// or below black in limited range, and outside the RGB cube, is kept. Straight alpha is multiplied in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpack {
    pub layout: Layout,
    pub size: Size,
    pub matrix: Matrix,
    pub full: bool,
    pub siting: Siting,
}

impl Unpack {
    /// Bytes of one raw frame.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.layout.frame_bytes(self.size.width as usize, self.size.height as usize)
    }

    /// One raw frame as a picture; `None` when the bytes are not a whole frame.
    pub(crate) fn picture(&self, raw: &[u8]) -> Option<Picture> {
        if raw.len() != self.frame_bytes() {
            return None;
        }
        let pixels = match self.layout.bytes() {
            1 => self.pixels::<1>(raw),
            2 => self.pixels::<2>(raw),
            _ => self.pixels::<4>(raw),
        };
        Picture::new(self.size, pixels).ok()
    }

    fn pixels<const BYTES: usize>(&self, raw: &[u8]) -> Vec<[f32; 4]> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let whole = width * height * BYTES;
        let mut pixels = Vec::with_capacity(width * height);
        let top = if BYTES == 4 { 1.0 } else { Levels::new(self.layout.depth, true).luma };
        let alpha_plane = if self.layout.alpha { &raw[raw.len() - whole..] } else { &[][..] };
        let mut alpha = vec![0.0; if self.layout.alpha { width } else { 0 }];
        let (mut a, mut b, mut c) = (vec![0.0; width], vec![0.0; width], vec![0.0; width]);
        let mut chroma = match self.layout.model {
            Model::Yuv => Some(Chroma::<BYTES>::new(self, &raw[whole..])),
            _ => None,
        };
        for y in 0..height {
            let row = |plane: &[u8], out: &mut [f32], black: f32, range: f32| {
                load::<BYTES>(&plane[y * width * BYTES..(y + 1) * width * BYTES], out, black, range);
            };
            let start = pixels.len();
            match (self.layout.model, &mut chroma) {
                (Model::Yuv, Some(chroma)) => {
                    let levels = Levels::new(self.layout.depth, self.full);
                    row(raw, &mut a, levels.black, levels.luma);
                    chroma.row(y, &mut b, &mut c);
                    let Matrix { red, blue } = self.matrix;
                    let green = self.matrix.green();
                    // R = Y + 2(1−Kr)·Cr, B = Y + 2(1−Kb)·Cb, and G from Y = Kr·R + Kg·G + Kb·B.
                    let (r_cr, b_cb) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
                    let (g_cr, g_cb) = (r_cr * red / green, b_cb * blue / green);
                    pixels.extend(
                        a.iter().zip(&b).zip(&c).map(|((&y, &cb), &cr)| [y + r_cr * cr, y - g_cb * cb - g_cr * cr, y + b_cb * cb, 1.0]),
                    );
                }
                (Model::Grey, _) => {
                    let levels = Levels::new(self.layout.depth, self.full);
                    row(raw, &mut a, levels.black, levels.luma);
                    pixels.extend(a.iter().map(|&y| [y, y, y, 1.0]));
                }
                _ => {
                    let levels = if BYTES == 4 { (0.0, 1.0) } else { rgb_levels(self.layout.depth, self.full) };
                    row(raw, &mut a, levels.0, levels.1);
                    row(&raw[whole..], &mut b, levels.0, levels.1);
                    row(&raw[2 * whole..], &mut c, levels.0, levels.1);
                    pixels.extend(a.iter().zip(&b).zip(&c).map(|((&g, &b), &r)| [r, g, b, 1.0]));
                }
            }
            if self.layout.alpha {
                row(alpha_plane, &mut alpha, 0.0, top);
                for (pixel, &a) in pixels[start..].iter_mut().zip(&alpha) {
                    *pixel = [pixel[0] * a, pixel[1] * a, pixel[2] * a, a];
                }
            }
        }
        pixels
    }
}

fn rgb_levels(depth: u8, full: bool) -> (f32, f32) {
    let levels = Levels::new(depth, full);
    (levels.black, levels.luma)
}

/// (value − black) / range of a row of little-endian values.
fn load<const BYTES: usize>(bytes: &[u8], out: &mut [f32], black: f32, range: f32) {
    let (values, _) = bytes.as_chunks::<BYTES>();
    for (out, value) in out.iter_mut().zip(values) {
        // Division, not multiplication by the reciprocal: v / 255 of the full range must come back as v.
        *out = (number(value) - black) / range;
    }
}

#[inline(always)]
fn number<const BYTES: usize>(value: &[u8; BYTES]) -> f32 {
    match BYTES {
        1 => f32::from(value[0]),
        2 => f32::from(u16::from_le_bytes([value[0], value[1]])),
        _ => f32::from_le_bytes([value[0], value[1], value[2], value[3]]),
    }
}

/// The weights of the sample before, this one and the one after, for each luma position that a chroma sample covers.
fn phases(shift: u8, siting: f32) -> Vec<[f32; 3]> {
    let n = 1_u16 << shift;
    (0..n)
        .map(|p| {
            let d = (f32::from(p) - siting * f32::from(n - 1)) / f32::from(n);
            if d < 0.0 { [-d, 1.0 + d, 0.0] } else { [0.0, 1.0 - d, d] }
        })
        .collect()
}

/// Brings chroma to the luma grid by linear interpolation at its true position, row by row.
struct Chroma<'a, const BYTES: usize> {
    planes: [&'a [u8]; 2],
    width: usize,
    height: usize,
    shift: (u8, u8),
    across: Vec<[f32; 3]>,
    down: Vec<[f32; 3]>,
    grey: f32,
    range: f32,
    // A row with one sample repeated at each end, so that every sample has two neighbours.
    padded: Vec<f32>,
    other: Vec<f32>,
}

impl<'a, const BYTES: usize> Chroma<'a, BYTES> {
    fn new(unpack: &Unpack, planes: &'a [u8]) -> Self {
        let (width, height) = unpack.layout.chroma(unpack.size.width as usize, unpack.size.height as usize);
        let bytes = width * height * BYTES;
        let levels = Levels::new(unpack.layout.depth, unpack.full);
        let shift = unpack.layout.shift;
        Self {
            planes: [&planes[..bytes], &planes[bytes..2 * bytes]],
            width,
            height,
            shift,
            across: phases(shift.0, unpack.siting.0),
            down: phases(shift.1, unpack.siting.1),
            grey: levels.grey,
            range: levels.chroma,
            padded: vec![0.0; width + 2],
            other: vec![0.0; width],
        }
    }

    fn row(&mut self, y: usize, cb: &mut [f32], cr: &mut [f32]) {
        for (plane, out) in [(0, cb), (1, cr)] {
            self.plane_row(self.planes[plane], y, out);
        }
    }

    fn plane_row(&mut self, plane: &[u8], y: usize, out: &mut [f32]) {
        let row = |y: usize| &plane[y * self.width * BYTES..(y + 1) * self.width * BYTES];
        let at = (y >> self.shift.1).min(self.height - 1);
        let [before, here, after] = self.down[y - (y >> self.shift.1 << self.shift.1)];
        let inner = &mut self.padded[1..=self.width];
        load::<BYTES>(row(at), inner, self.grey, self.range);
        let (neighbour, weight) = if before > 0.0 { (at.saturating_sub(1), before) } else { ((at + 1).min(self.height - 1), after) };
        if weight > 0.0 {
            load::<BYTES>(row(neighbour), &mut self.other, self.grey, self.range);
            for (v, o) in inner.iter_mut().zip(&self.other) {
                *v = *v * here + o * weight;
            }
        }
        self.padded[0] = self.padded[1];
        self.padded[self.width + 1] = self.padded[self.width];
        match self.across[..] {
            [_] => out.copy_from_slice(&self.padded[1..=self.width]),
            [even, odd] => {
                let mut pairs = out.chunks_exact_mut(2);
                for (pair, w) in (&mut pairs).zip(self.padded.windows(3)) {
                    pair[0] = w[0] * even[0] + w[1] * even[1] + w[2] * even[2];
                    pair[1] = w[0] * odd[0] + w[1] * odd[1] + w[2] * odd[2];
                }
                if let ([last], [.., a, b, c]) = (pairs.into_remainder(), &self.padded[..]) {
                    *last = a * even[0] + b * even[1] + c * even[2];
                }
            }
            _ => {
                for (group, w) in out.chunks_mut(self.across.len()).zip(self.padded.windows(3)) {
                    for (v, k) in group.iter_mut().zip(&self.across) {
                        *v = w[0] * k[0] + w[1] * k[1] + w[2] * k[2];
                    }
                }
            }
        }
    }
}

/// Writes a picture as limited-range Y′CbCr 4:4:4 of 10 bits (`yuv444p10le`, with alpha `yuva444p10le`, straight), rounded to
/// nearest. What lies outside 0 to 1 keeps its code value as far as video reserves room for it (codes 4 to 1019).
pub(crate) fn pack_yuv444p10(picture: &Picture, matrix: Matrix, alpha: bool, raw: &mut Vec<u8>) {
    const LANES: usize = 64;
    let n = picture.pixels().len();
    let planes = if alpha { 4 } else { 3 };
    raw.resize(n * planes * 2, 0);
    let (y_plane, rest) = raw.split_at_mut(2 * n);
    let (cb_plane, rest) = rest.split_at_mut(2 * n);
    let (cr_plane, a_plane) = rest.split_at_mut(2 * n);
    let Matrix { red, blue } = matrix;
    let green = matrix.green();
    let levels = Levels::new(10, false);
    let (to_cb, to_cr) = (levels.chroma / (2.0 * (1.0 - blue)), levels.chroma / (2.0 * (1.0 - red)));
    let code = |v: f32| nearest(within(v, 4.0, 1019.0)) as u16;
    let mut a_chunks = a_plane.chunks_mut(2 * LANES);
    let outs = y_plane.chunks_mut(2 * LANES).zip(cb_plane.chunks_mut(2 * LANES)).zip(cr_plane.chunks_mut(2 * LANES));
    for (pixels, ((y_out, cb_out), cr_out)) in picture.pixels().chunks(LANES).zip(outs) {
        let (mut r, mut g, mut b) = ([0.0_f32; LANES], [0.0_f32; LANES], [0.0_f32; LANES]);
        for (((p, r), g), b) in pixels.iter().zip(&mut r).zip(&mut g).zip(&mut b) {
            (*r, *g, *b) = (p[0], p[1], p[2]);
        }
        if alpha {
            for (((p, r), g), b) in pixels.iter().zip(&mut r).zip(&mut g).zip(&mut b) {
                let a = if p[3] > 0.0 { p[3] } else { 1.0 };
                (*r, *g, *b) = (*r / a, *g / a, *b / a);
            }
        }
        let (mut yy, mut cb, mut cr) = ([0_u16; LANES], [0_u16; LANES], [0_u16; LANES]);
        for i in 0..LANES {
            let luma = red * r[i] + green * g[i] + blue * b[i];
            yy[i] = code(levels.black + levels.luma * luma);
            cb[i] = code(levels.grey + to_cb * (b[i] - luma));
            cr[i] = code(levels.grey + to_cr * (r[i] - luma));
        }
        store(&yy, y_out);
        store(&cb, cb_out);
        store(&cr, cr_out);
        if let Some(a_out) = a_chunks.next() {
            let mut a = [0_u16; LANES];
            for (a, p) in a.iter_mut().zip(pixels) {
                *a = nearest(within(p[3], 0.0, 1.0) * 1023.0) as u16;
            }
            store(&a, a_out);
        }
    }
}

/// A value brought inside a range; what is not a number becomes the lower end, unlike with `clamp`.
#[inline(always)]
pub(crate) fn within(value: f32, low: f32, high: f32) -> f32 {
    if value > low { value.min(high) } else { low }
}

/// The whole number nearest to a value from 0 to 2²². Adding 2²³ leaves it in the low bits, which compilers turn into vectors;
/// the saturating cast of a float is one value at a time.
#[inline(always)]
pub(crate) fn nearest(value: f32) -> u32 {
    (value + 8_388_608.0).to_bits() & 0x003F_FFFF
}

fn store(values: &[u16], out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<2>();
    for (out, v) in out.iter_mut().zip(values) {
        *out = v.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn unpack(format: &str, size: Size) -> Unpack {
        Unpack { layout: Layout::for_format(format), size, matrix: Matrix::BT709, full: false, siting: Siting(0.0, 0.5) }
    }

    #[test]
    fn eight_bit_rgb_comes_back_as_it_was() {
        let raw: Vec<u8> = (0..=255).chain(0..=255).chain(0..=255).collect();
        let picture = Unpack { full: true, ..unpack("rgb24", Size::new(256, 1)) }.picture(&raw).unwrap();
        for (i, p) in picture.pixels().iter().enumerate() {
            assert_eq!((p[0] * 255.0 + 0.5) as usize, i);
            assert_eq!(p[3], 1.0);
        }
    }

    #[test]
    fn limited_range_keeps_what_lies_beyond_white_and_black() {
        let raw = [16, 235, 255, 0, 128, 128, 128, 128, 128, 128, 128, 128];
        let picture = unpack("yuv444p", Size::new(4, 1)).picture(&raw).unwrap();
        let reds: Vec<f32> = picture.pixels().iter().map(|p| p[0]).collect();
        assert_eq!(reds[..2], [0.0, 1.0]);
        assert!((reds[2] - 239.0 / 219.0).abs() < 1e-6 && (reds[3] + 16.0 / 219.0).abs() < 1e-6, "{reds:?}");
    }

    #[test]
    fn left_sited_chroma_stands_on_even_pixels_and_between_them() {
        // One row of chroma that climbs by 10 codes a sample.
        let raw = [vec![128_u8; 6], vec![100, 110, 120], vec![128; 3]].concat();
        let picture = unpack("yuv422p", Size::new(6, 1)).picture(&raw).unwrap();
        let step = picture.pixels()[2][2] - picture.pixels()[0][2];
        for (x, share) in [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0), (5, 2.0)] {
            let got = picture.pixels()[x][2] - picture.pixels()[0][2];
            assert!((got - share * step).abs() < 1e-6, "{x}: {got}");
        }
    }

    #[test]
    fn centred_chroma_lies_a_quarter_off_each_pixel() {
        let raw = [vec![128_u8; 4], vec![100, 120], vec![128; 2]].concat();
        let mut unpack = unpack("yuv422p", Size::new(4, 1));
        unpack.siting = Siting(0.5, 0.5);
        let b: Vec<f32> = unpack.picture(&raw).unwrap().pixels().iter().map(|p| p[2]).collect();
        let step = b[3] - b[0];
        assert!((b[1] - b[0] - 0.25 * step).abs() < 1e-6 && (b[2] - b[0] - 0.75 * step).abs() < 1e-6, "{b:?}");
    }

    #[test]
    fn frames_of_odd_size_and_one_pixel_are_read() {
        for (w, h) in [(1, 1), (3, 1), (1, 3), (5, 7)] {
            for format in ["yuv420p", "yuv410p", "yuv411p", "yuva420p", "gray", "yuv420p10le", "gbrp12le"] {
                let unpack = unpack(format, Size::new(w, h));
                let picture = unpack.picture(&vec![0; unpack.frame_bytes()]).unwrap();
                assert_eq!(picture.size(), Size::new(w, h));
                assert!(unpack.picture(&vec![0; unpack.frame_bytes() + 1]).is_none());
            }
        }
    }

    #[test]
    fn straight_alpha_is_multiplied_in() {
        let picture = Unpack { full: true, ..unpack("rgba", Size::new(1, 1)) }.picture(&[255, 255, 0, 128]).unwrap();
        let a = 128.0 / 255.0;
        assert_eq!(picture.pixels()[0], [0.0, a, a, a]);
    }

    #[test]
    fn turning_four_times_leaves_the_siting() {
        let s = Siting(0.0, 0.5);
        assert_eq!(s.turned(1).turned(3), s);
        assert_eq!(s.turned(2).turned(2), s);
        assert_eq!(s.turned(1).turned(1), s.turned(2));
    }

    proptest! {
        #[test]
        fn ten_bit_video_returns_within_half_a_code(r in -0.05f32..1.05, g in -0.05f32..1.05, b in -0.05f32..1.05, a in 0.1f32..1.0) {
            let pixel = [r * a, g * a, b * a, a];
            let picture = Picture::filled(Size::new(3, 2), pixel);
            let mut raw = Vec::new();
            pack_yuv444p10(&picture, Matrix::BT709, true, &mut raw);
            let back = unpack("yuva444p10le", Size::new(3, 2)).picture(&raw).unwrap();
            for p in back.pixels() {
                prop_assert!((p[3] - a).abs() < 0.51 / 1023.0);
                for c in 0..3 {
                    // Half a code of luma and half a code of the chroma that carries most of it.
                    let error = p[c] / p[3] - [r, g, b][c];
                    prop_assert!(error.abs() < 0.5 / 876.0 + 1.86 * 0.5 / 896.0 + 1e-4, "{error}");
                }
            }
        }
    }
}
