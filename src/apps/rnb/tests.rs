//! Campaigns of the demo store.

use super::*;
use crate::apps::support::{call, demo, shown};

#[tokio::test]
async fn fitting_campaigns_are_joined_in_the_directory_s_order() {
    for (inputs, written) in [
        (&[][..], "-campaigns"),
        (
            &[("public.utm_campaign", "blackfriday")],
            "campaigns=black-friday",
        ),
        (
            &[("public.utm_source", "newsletter")],
            "campaigns=newsletter",
        ),
        (&[("profile.email", "ana@example.com")], "campaigns=vip"),
        (&[("profile.email", "bruno@example.com")], "-campaigns"),
        (&[("public.postalCode", "22000-100")], "campaigns=rio"),
        (&[("public.postalCode", "01000-000")], "-campaigns"),
        (
            &[
                ("profile.email", "ana@example.com"),
                ("public.postalCode", "20000000"),
                ("public.utm_campaign", "blackfriday"),
                ("public.utm_source", "newsletter"),
                ("store.channel", "2"),
            ],
            "campaigns=black-friday,newsletter,vip,rio",
        ),
    ] {
        let answer = answer(&call(inputs, &[("rnb.campaigns", "old")]), &demo()).await;
        assert_eq!(shown(&answer.unwrap().writes), [written], "{inputs:?}");
    }
}
