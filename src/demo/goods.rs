//! What the demo store sells, in each of its three languages and channels.

/// The language of the shop's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Portuguese,
    Spanish,
}

impl Language {
    /// The language of a culture such as `pt-BR`; English where it is not one of ours.
    pub(super) fn of(culture: &str) -> Self {
        match culture.split('-').next() {
            Some("pt") => Self::Portuguese,
            Some("es") => Self::Spanish,
            _ => Self::English,
        }
    }

    /// For the `lang` attribute.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt",
            Self::Spanish => "es",
        }
    }

    /// Picks this language's text.
    pub(super) const fn pick(self, text: Text) -> &'static str {
        let [english, portuguese, spanish] = text;
        match self {
            Self::English => english,
            Self::Portuguese => portuguese,
            Self::Spanish => spanish,
        }
    }
}

/// English, Portuguese, Spanish.
pub(super) type Text = [&'static str; 3];

/// One product.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) name: Text,
    pub(super) line: Text,
    /// Hundredths of the currency, in channels 1, 2 and 3.
    prices: [u32; 3],
    /// Its drawing.
    pub(super) art: &'static str,
}

impl Product {
    /// The list price in a channel; in one that the shop does not know, that of channel 1.
    pub(super) const fn price(&self, channel: &str) -> u32 {
        let [public, brazil, private] = self.prices;
        match channel.as_bytes() {
            b"2" => brazil,
            b"3" => private,
            _ => public,
        }
    }
}

/// The price table that the shop knows, and what it takes off.
pub(super) const GOLD: (&str, u32) = ("gold", 10);

/// Everything on the shelves.
pub(super) const PRODUCTS: [Product; 6] = [
    Product {
        name: ["Brass coat rail", "Cabideiro de latão", "Perchero de latón"],
        line: [
            "Three hooks, screws included",
            "Três ganchos, com parafusos",
            "Tres ganchos, con tornillos",
        ],
        prices: [4800, 25990, 4100],
        art: include_str!("art/rail.svg"),
    },
    Product {
        name: ["Coir doormat", "Capacho de coco", "Felpudo de coco"],
        line: [
            "Takes the rain off",
            "Segura a chuva lá fora",
            "Deja la lluvia fuera",
        ],
        prices: [2900, 14990, 2450],
        art: include_str!("art/mat.svg"),
    },
    Product {
        name: ["Umbrella stand", "Porta-guarda-chuvas", "Paragüero"],
        line: [
            "Glazed, holds six",
            "Esmaltado, cabem seis",
            "Esmaltado, caben seis",
        ],
        prices: [6400, 34900, 5400],
        art: include_str!("art/umbrella.svg"),
    },
    Product {
        name: ["Key bowl", "Tigela para chaves", "Cuenco para llaves"],
        line: [
            "Where they were all along",
            "Onde elas sempre estiveram",
            "Donde siempre estuvieron",
        ],
        prices: [2200, 11990, 1850],
        art: include_str!("art/bowl.svg"),
    },
    Product {
        name: ["Shoe bench", "Banco sapateira", "Banco zapatero"],
        line: [
            "Oak, room for eight pairs",
            "Carvalho, oito pares",
            "Roble, ocho pares",
        ],
        prices: [18900, 109_000, 15900],
        art: include_str!("art/bench.svg"),
    },
    Product {
        name: ["Porch lantern", "Lanterna de varanda", "Farol de porche"],
        line: [
            "Someone is home",
            "Tem gente em casa",
            "Hay alguien en casa",
        ],
        prices: [7500, 42900, 6300],
        art: include_str!("art/lantern.svg"),
    },
];

/// A campaign of the store, as its shoppers see it: id, headline, line.
pub(super) const CAMPAIGNS: [(&str, Text, Text); 4] = [
    (
        "black-friday",
        [
            "Black Friday at the front door",
            "Black Friday na porta de casa",
            "Black Friday en la puerta",
        ],
        [
            "You came by the right link. The doormat is out.",
            "Você veio pelo link certo. O capacho já está lá fora.",
            "Llegó por el enlace correcto. El felpudo ya está fuera.",
        ],
    ),
    (
        "newsletter",
        [
            "For readers of our letter",
            "Para quem lê nossa carta",
            "Para quien lee nuestra carta",
        ],
        [
            "A spare hook comes with every rail.",
            "Cada cabideiro vem com um gancho a mais.",
            "Cada perchero trae un gancho de más.",
        ],
    ),
    (
        "vip",
        [
            "Good to see you again",
            "Que bom ver você de novo",
            "Qué bueno verle de nuevo",
        ],
        [
            "The lantern was left on for you.",
            "Deixamos a lanterna acesa para você.",
            "Le dejamos el farol encendido.",
        ],
    ),
    (
        "rio",
        [
            "Free delivery in Rio",
            "Entrega grátis no Rio",
            "Envío gratis en Río",
        ],
        [
            "This week, from Leblon to Santa Teresa.",
            "Nesta semana, do Leblon a Santa Teresa.",
            "Esta semana, de Leblon a Santa Teresa.",
        ],
    ),
];

/// A region and when the shop delivers there.
pub(super) const REGIONS: [(&str, Text); 3] = [
    (
        "v2.RIO",
        [
            "Delivered tomorrow in Rio de Janeiro",
            "Entrega amanhã no Rio de Janeiro",
            "Entrega mañana en Río de Janeiro",
        ],
    ),
    (
        "v2.SAO",
        [
            "Delivered in two days in São Paulo",
            "Entrega em dois dias em São Paulo",
            "Entrega en dos días en São Paulo",
        ],
    ),
    (
        "v2.NYC",
        [
            "Delivered today in New York",
            "Entrega hoje em Nova York",
            "Entrega hoy en Nueva York",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_culture_picks_the_language_and_an_unknown_one_english() {
        assert_eq!(Language::of("pt-BR"), Language::Portuguese);
        assert_eq!(Language::of("es-US"), Language::Spanish);
        assert_eq!(Language::of("fi-FI"), Language::English);
        assert_eq!(Language::of(""), Language::English);
    }

    #[test]
    fn an_unknown_channel_has_the_prices_of_the_first() {
        for product in &PRODUCTS {
            assert_eq!(product.price("9"), product.price("1"));
            assert!(product.price("3") < product.price("1"));
            assert!(product.art.starts_with("<svg"));
        }
    }
}
