//! Sixteen 32-bit numbers, one for each stream, as the kernels see them.

use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

/// Streams of a batch.
pub const LANES: usize = 16;

/// A 16-bit number of each stream, as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct Row(pub(crate) [i16; LANES]);

impl Row {
    pub(crate) const ZERO: Self = Self([0; LANES]);
}

/// A 32-bit number of each stream, as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Wide(pub(crate) [i32; LANES]);

impl Wide {
    pub(crate) const ZERO: Self = Self([0; LANES]);
}

/// Sums and differences wrap around; kernels see to it that they do not, or that it is noticed.
pub(crate) trait Vector:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
{
    /// A truth for each stream.
    type Mask: Copy + BitAnd<Output = Self::Mask> + BitOr<Output = Self::Mask>;

    fn splat(x: i32) -> Self;
    fn load(row: &Row) -> Self;
    /// Keeps the lower halves.
    fn store(self, row: &mut Row);
    fn load_wide(row: &Wide) -> Self;
    fn store_wide(self, row: &mut Wide);

    /// The sum of the products of the lower and of the upper halves, as signed 16-bit numbers.
    fn multiply_pairs(self, other: Self) -> Self;
    /// `self` and what [`Vector::multiply_pairs`] makes of the others.
    fn add_pairs(self, a: Self, b: Self) -> Self;
    /// Differences of both halves as 16-bit numbers, limited to what 16 bits hold.
    fn subtract_pairs(self, other: Self) -> Self;
    fn shift_left<const BY: u32>(self) -> Self;
    /// Rounds down.
    fn shift_right<const BY: u32>(self) -> Self;
    /// Fills up with zeros.
    fn shift_right_logical<const BY: u32>(self) -> Self;
    /// By 0 to 31 places, for each stream its own count.
    fn shift_left_by(self, by: Self) -> Self;
    fn shift_right_by(self, by: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// The lesser, read without a sign.
    fn min_unsigned(self, other: Self) -> Self;
    /// How many zeros lead.
    fn leading_zeros(self) -> Self;
    /// `floor(2^15·self / other)` for `0 ≤ self < other < 2^15`.
    fn quotient_q15(self, other: Self) -> Self;

    fn greater(self, other: Self) -> Self::Mask;
    fn equal(self, other: Self) -> Self::Mask;
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// One bit a stream, the first in the lowest.
    fn bits(mask: Self::Mask) -> u16;
    fn mask(bits: u16) -> Self::Mask;

    /// The products of the lower halves, as signed 16-bit numbers.
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.low().multiply_pairs(other)
    }

    /// The lower halves with zeros above: one side of a product by [`Vector::multiply_pairs`].
    #[inline(always)]
    fn low(self) -> Self {
        self & Self::splat(0xffff)
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0)
    }

    #[inline(always)]
    fn negate(self) -> Self {
        Self::zero() - self
    }

    /// The least number is its own opposite.
    #[inline(always)]
    fn magnitude(self) -> Self {
        self.max(self.negate())
    }

    /// The nearest 16-bit numbers.
    #[inline(always)]
    fn clamp16(self) -> Self {
        self.min(Self::splat(0x7fff)).max(Self::splat(-0x8000))
    }

    /// The product of two fractions, cut off; −1 times −1 is not among them.
    #[inline(always)]
    fn times_q15(self, other: Self) -> Self {
        self.times(other).shift_right::<15>()
    }

    /// How far numbers that are not negative can shift left; 0 for 0.
    #[inline(always)]
    fn norm(self) -> Self {
        let zero = self.equal(Self::zero());
        Self::select(zero, Self::zero(), self.leading_zeros() - Self::splat(1))
    }

    /// The same for numbers of either sign.
    #[inline(always)]
    fn norm_signed(self) -> Self {
        let zero = self.equal(Self::zero());
        let bits = self ^ self.shift_right::<31>();
        Self::select(zero, Self::zero(), bits.leading_zeros() - Self::splat(1))
    }
}

/// Streams in which a sum left its bounds: the scalar encoder has to do them.
#[derive(Clone, Copy)]
pub(crate) struct Doubt<V: Vector>(V::Mask);

impl<V: Vector> Doubt<V> {
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self(V::mask(0))
    }

    #[inline(always)]
    pub(crate) fn note(&mut self, mask: V::Mask) {
        self.0 = self.0 | mask;
    }

    /// Notes where a number is not below a limit.
    #[inline(always)]
    pub(crate) fn note_reached(&mut self, x: V, limit: i32) {
        self.note(x.greater(V::splat(limit - 1)));
    }

    /// A sum, noted where it wraps around.
    #[inline(always)]
    pub(crate) fn sum(&mut self, a: V, b: V) -> V {
        let sum = a + b;
        let wrapped = (a ^ sum) & (b ^ sum);
        self.note(V::zero().greater(wrapped));
        sum
    }

    /// A difference, noted where it wraps around.
    #[inline(always)]
    pub(crate) fn difference(&mut self, a: V, b: V) -> V {
        let difference = a - b;
        let wrapped = (a ^ b) & (a ^ difference);
        self.note(V::zero().greater(wrapped));
        difference
    }

    /// `x·2^BY`, noted where it does not fit.
    #[inline(always)]
    pub(crate) fn shift_left<const BY: u32>(&mut self, x: V) -> V {
        let shifted = x.shift_left::<BY>();
        let fits = shifted.shift_right::<BY>().equal(x);
        self.note(V::select(fits, V::zero(), V::splat(1)).greater(V::zero()));
        shifted
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u16 {
        V::bits(self.0)
    }
}

/// A number of 31 bits in two halves, as in [`crate::arith::Split`].
#[derive(Clone, Copy)]
pub(crate) struct Halves<V> {
    pub(crate) hi: V,
    pub(crate) lo: V,
}

impl<V: Vector> Halves<V> {
    #[inline(always)]
    pub(crate) fn new(x: V) -> Self {
        Self {
            hi: x.shift_right::<16>(),
            lo: x.shift_right_logical::<1>() & V::splat(0x7fff),
        }
    }

    #[inline(always)]
    pub(crate) fn join(self) -> V {
        self.hi.shift_left::<16>() + self.lo.shift_left::<1>()
    }

    /// The product, for numbers of which not both are −1.
    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> V {
        let crossed = self.hi.times(other.lo).shift_right::<15>()
            + self.lo.times(other.hi).shift_right::<15>();
        (self.hi.times(other.hi) + crossed).shift_left::<1>()
    }

    /// The product with a 16-bit number.
    #[inline(always)]
    pub(crate) fn times16(self, other: V) -> V {
        let low = self.lo.times(other).shift_right::<15>();
        (self.hi.times(other) + low).shift_left::<1>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Path;
    use super::super::avx2::Avx2;
    use super::super::avx512::Avx512;
    use super::*;
    use crate::arith::{Split, clamp16, div, norm32, shr32};

    /// Numbers of any magnitude, and the ends of it.
    fn numbers() -> impl Strategy<Value = [i32; LANES]> {
        let number = prop_oneof![
            (any::<i32>(), 0..32_u32).prop_map(|(x, shift)| x >> shift),
            prop::sample::select(vec![0, 1, -1, i32::MAX, i32::MIN, 0x7fff, -0x8000, 1 << 30]),
        ];
        prop::collection::vec(number, LANES).prop_map(|x| x.try_into().unwrap())
    }

    fn pack<V: Vector>(x: [i32; LANES]) -> V {
        V::load_wide(&Wide(x))
    }

    fn unpack<V: Vector>(x: V) -> [i32; LANES] {
        let mut row = Wide::ZERO;
        x.store_wide(&mut row);
        row.0
    }

    fn map(a: [i32; LANES], b: [i32; LANES], f: impl Fn(i32, i32) -> i32) -> [i32; LANES] {
        core::array::from_fn(|lane| f(a[lane], b[lane]))
    }

    fn pairs(x: i32) -> [i32; 2] {
        [i32::from(x as i16), x >> 16]
    }

    /// Every operation that is more than one of the language's own.
    fn check<V: Vector>(a: [i32; LANES], b: [i32; LANES]) {
        let (x, y) = (pack::<V>(a), pack::<V>(b));
        let counts = b.map(|b| b & 31);
        let by = pack::<V>(counts);
        let pairwise = |f: fn(i32, i32) -> i32| {
            map(a, b, |a, b| {
                let ([a0, a1], [b0, b1]) = (pairs(a), pairs(b));
                f(a0, b0).wrapping_add(f(a1, b1))
            })
        };
        assert_eq!(unpack(x.multiply_pairs(y)), pairwise(|a, b| a * b));
        let limited = map(a, b, |a, b| {
            let ([a0, a1], [b0, b1]) = (pairs(a), pairs(b));
            i32::from(clamp16(a0 - b0)) & 0xffff | i32::from(clamp16(a1 - b1)) << 16
        });
        assert_eq!(unpack(x.subtract_pairs(y)), limited);
        assert_eq!(unpack(x.shift_left_by(by)), map(a, counts, |a, n| a << n));
        assert_eq!(unpack(x.shift_right_by(by)), map(a, counts, |a, n| a >> n));
        assert_eq!(unpack(x.shift_right::<7>()), a.map(|a| a >> 7));
        assert_eq!(
            unpack(x.shift_right_logical::<7>()),
            a.map(|a| (a as u32 >> 7) as i32)
        );
        assert_eq!(
            unpack(x.min_unsigned(y)),
            map(a, b, |a, b| (a as u32).min(b as u32) as i32)
        );
        assert_eq!(
            unpack(x.leading_zeros()),
            a.map(|a| a.leading_zeros() as i32)
        );
        assert_eq!(unpack(x.norm_signed()), a.map(|a| i32::from(norm32(a))));
        let positive = a.map(|a| a & i32::MAX);
        assert_eq!(
            unpack(pack::<V>(positive).norm()),
            positive.map(|a| i32::from(norm32(a)))
        );
        assert_eq!(unpack(x.clamp16()), a.map(|a| i32::from(clamp16(a))));
        assert_eq!(
            V::bits(x.greater(y)),
            bits(map(a, b, |a, b| i32::from(a > b)))
        );
        assert_eq!(V::bits(V::mask(a[0] as u16)), a[0] as u16);
        let mut row = Row::ZERO;
        x.store(&mut row);
        assert_eq!(row.0, a.map(|a| a as i16));
        assert_eq!(unpack(V::load(&row)), a.map(|a| i32::from(a as i16)));
        check_products::<V>(a, b);
    }

    fn check_products<V: Vector>(a: [i32; LANES], b: [i32; LANES]) {
        let (x, y) = (pack::<V>(a), pack::<V>(b));
        let divisors = b.map(|b| (b & 0x7fff).max(1));
        let dividends = map(a, divisors, |a, b| (a & 0x7fff) % b);
        let quotients = map(dividends, divisors, |a, b| div(a as i16, b as i16).into());
        assert_eq!(
            unpack(pack::<V>(dividends).quotient_q15(pack(divisors))),
            quotients
        );
        let product = Halves::new(x).times16(V::splat(12_345));
        assert_eq!(unpack(product), a.map(|a| Split::new(a).mul16(12_345)));
        let product = Halves::new(x).times(Halves::new(V::splat(0x1234_5678)));
        assert_eq!(
            unpack(product),
            a.map(|a| Split::new(a).mul(Split::new(0x1234_5678)))
        );
        assert_eq!(
            unpack(Halves::new(x).join()),
            a.map(|a| Split::new(a).join())
        );
        let mut doubt = Doubt::<V>::none();
        doubt.sum(x, y);
        doubt.shift_left::<4>(x.shift_right::<2>());
        let wraps = map(a, b, |a, b| {
            let shifted = shr32(a, 2).checked_mul(16);
            i32::from(a.checked_add(b).is_none() || shifted.is_none())
        });
        assert_eq!(doubt.bits(), bits(wraps));
    }

    fn bits(truths: [i32; LANES]) -> u16 {
        truths
            .iter()
            .rev()
            .fold(0, |bits, truth| bits << 1 | *truth as u16)
    }

    proptest! {
        #[test]
        fn operations_are_the_scalar_ones(a in numbers(), b in numbers()) {
            if Path::Avx512.is_available() {
                check::<Avx512>(a, b);
            }
            if Path::Avx2.is_available() {
                check::<Avx2>(a, b);
            }
        }
    }
}
