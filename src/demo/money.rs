//! Amounts of money the way a culture writes them. Never computes with fractions.

/// An amount in hundredths of the currency, the way `culture` writes it.
///
/// Currency and culture are the backend's two separate headers, so each pair has an answer: a
/// foreign currency is told apart by its sign or its code.
pub(super) fn write_money(cents: u32, currency: &str, culture: &str) -> String {
    let portuguese = culture.starts_with("pt");
    let (group, point) = if portuguese { ('.', ',') } else { (',', '.') };
    let amount = format!("{}{point}{:02}", grouped(cents / 100, group), cents % 100);
    // No-break space: a sign that wraps away from its number is hard to read.
    match (currency, portuguese) {
        ("USD", false) => format!("${amount}"),
        ("USD", true) => format!("US$\u{a0}{amount}"),
        ("BRL", false) => format!("R${amount}"),
        ("BRL", true) => format!("R$\u{a0}{amount}"),
        (code, _) => format!("{code}\u{a0}{amount}"),
    }
}

/// `cents` less a whole percentage, half a cent rounded up.
pub(super) fn reduced(cents: u32, percent: u32) -> u32 {
    let kept = u64::from(cents) * u64::from(100_u32.saturating_sub(percent));
    u32::try_from((kept + 50) / 100).unwrap_or(cents)
}

fn grouped(whole: u32, separator: char) -> String {
    let digits = whole.to_string();
    let mut out = String::with_capacity(digits.len() + 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_culture_has_its_way_of_writing_money() {
        for (cents, currency, culture, written) in [
            (4800, "USD", "en-US", "$48.00"),
            (4805, "USD", "es-US", "$48.05"),
            (109_000, "BRL", "pt-BR", "R$\u{a0}1.090,00"),
            (109_000, "BRL", "en-US", "R$1,090.00"),
            (4800, "USD", "pt-BR", "US$\u{a0}48,00"),
            (123_456_789, "EUR", "en-US", "EUR\u{a0}1,234,567.89"),
            (0, "USD", "", "$0.00"),
        ] {
            assert_eq!(write_money(cents, currency, culture), written);
        }
    }

    #[test]
    fn a_discount_rounds_half_a_cent_up() {
        assert_eq!(reduced(4800, 10), 4320);
        assert_eq!(reduced(2599, 10), 2339);
        assert_eq!(reduced(5, 10), 5);
        assert_eq!(reduced(1000, 100), 0);
        assert_eq!(reduced(u32::MAX, 0), u32::MAX);
    }
}
