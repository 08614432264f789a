//! The start page: the shop, the control desk beside it, and the backend's knowledge.

use super::{Moment, controls, knows, layout, time};
use crate::demo::goods::{CAMPAIGNS, GOLD, Language, PRODUCTS, Product, REGIONS, Text};
use crate::demo::html::{Html, fill};
use crate::demo::knowledge::Knowledge;
use crate::demo::money::{reduced, write_money};

const SHOP: &str = include_str!("shop.html");
const PRODUCT: &str = include_str!("product.html");
const BANNER: &str = include_str!("banner.html");

const HEADING: Text = ["For the way in", "Para a entrada", "Para la entrada"];
const NO_PLACE: Text = [
    "Where do you live? Choose a place to see when we deliver.",
    "Onde você mora? Escolha um lugar para ver quando entregamos.",
    "¿Dónde vive? Elija un lugar para ver cuándo entregamos.",
];
const ELSEWHERE: Text = [
    "Delivered in a week",
    "Entrega em uma semana",
    "Entrega en una semana",
];
const GOLD_NOTE: Text = [
    "Your price table gold takes 10% off.",
    "Sua tabela de preços gold dá 10% de desconto.",
    "Su tabla de precios gold descuenta un 10 %.",
];
const WAS: Text = ["List price", "Preço de tabela", "Precio de lista"];

/// The prices of this visit.
#[derive(Clone, Debug)]
struct Till {
    channel: String,
    currency: String,
    culture: String,
    language: Language,
    gold: bool,
}

impl Till {
    fn of(knowledge: Knowledge<'_>) -> Self {
        let or = |name: &str, fallback: &str| {
            (knowledge.value(name).filter(|value| !value.is_empty()))
                .unwrap_or_else(|| fallback.to_owned())
        };
        let culture = or("x-session-culture", "en-US");
        let (gold, _) = GOLD;
        Self {
            channel: or("x-session-channel", "1"),
            currency: or("x-session-currency", "USD"),
            language: Language::of(&culture),
            culture,
            gold: knowledge.price_tables().iter().any(|table| table == gold),
        }
    }

    fn price(&self, product: &Product) -> Html {
        let list = product.price(&self.channel);
        let write = |cents| write_money(cents, &self.currency, &self.culture);
        if !self.gold {
            return fill("<b>{{price}}</b>", &[("price", (&write(list)).into())]);
        }
        fill(
            r#"<b>{{price}}</b> <s><span class="away">{{was}} </span>{{list}}</s>"#,
            &[
                ("price", (&write(reduced(list, GOLD.1))).into()),
                ("was", self.language.pick(WAS).into()),
                ("list", (&write(list)).into()),
            ],
        )
    }
}

/// The start page.
pub(in crate::demo) fn shop(knowledge: Knowledge<'_>, moment: Moment<'_>) -> Html {
    let till = Till::of(knowledge);
    let language = till.language;
    let name = knowledge.shopper().unwrap_or_else(|| "stranger".into());
    let goods: Html = (PRODUCTS.iter())
        .map(|product| {
            fill(
                PRODUCT,
                &[
                    ("art", (&Html::written(product.art)).into()),
                    ("name", language.pick(product.name).into()),
                    ("line", language.pick(product.line).into()),
                    ("price", (&till.price(product)).into()),
                ],
            )
        })
        .collect();
    let note = if till.gold {
        language.pick(GOLD_NOTE)
    } else {
        ""
    };
    let body = fill(
        SHOP,
        &[
            ("name", (&name).into()),
            ("origin", (&origin(knowledge)).into()),
            ("controls", (&controls::controls(knowledge)).into()),
            ("lang", language.tag().into()),
            ("banners", (&banners(knowledge, language)).into()),
            ("heading", language.pick(HEADING).into()),
            ("delivery", (&delivery(knowledge, language)).into()),
            ("perks", (&perks(knowledge)).into()),
            ("goods", (&goods).into()),
            ("price_note", note.into()),
            ("time", (&time::time(knowledge, moment)).into()),
            ("knows", (&knows::knows(knowledge)).into()),
        ],
    );
    layout("The shop", knowledge, &body)
}

fn origin(knowledge: Knowledge<'_>) -> Html {
    Html::written(if knowledge.came_through() {
        r##"<p>This shop has read no session cookie of yours. All it knows came in the <a href="#knows">headers of this request</a>, set by Vestibule. Change something below and watch them.</p>"##
    } else {
        r#"<p class="problem">This request came straight to the storefront, past Vestibule, so the shop knows nothing of you. Open the proxy’s address instead: <code>vestibule demo</code> has printed it.</p>"#
    })
}

fn banners(knowledge: Knowledge<'_>, language: Language) -> Html {
    let running = knowledge.campaigns();
    (CAMPAIGNS.iter())
        .filter(|(id, _, _)| running.iter().any(|campaign| campaign == id))
        .map(|(id, headline, line)| {
            fill(
                BANNER,
                &[
                    ("id", (*id).into()),
                    ("headline", language.pick(*headline).into()),
                    ("line", language.pick(*line).into()),
                ],
            )
        })
        .collect()
}

/// What the session app of the store promises, in its own words.
fn perks(knowledge: Knowledge<'_>) -> Html {
    let known = |name: &str| knowledge.value(name).filter(|value| !value.is_empty());
    let (Some(level), Some(message)) = (
        known("x-session-perks-level"),
        known("x-session-perks-message"),
    ) else {
        return Html::new();
    };
    fill(
        r#"<p class="delivery perks" lang="en"><b>{{message}}</b> <code>{{level}}</code></p>"#,
        &[("message", (&message).into()), ("level", (&level).into())],
    )
}

fn delivery(knowledge: Knowledge<'_>, language: Language) -> Html {
    let Some(region) = knowledge.value("x-session-region") else {
        return fill("{{hint}}", &[("hint", language.pick(NO_PLACE).into())]);
    };
    let promise = (REGIONS.iter())
        .find(|(id, _)| *id == region)
        .map_or(ELSEWHERE, |(_, promise)| *promise);
    fill(
        r#"<b>{{promise}}</b> <code lang="en">{{region}}</code>"#,
        &[
            ("promise", language.pick(promise).into()),
            ("region", (&region).into()),
        ],
    )
}
