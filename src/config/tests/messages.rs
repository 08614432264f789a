//! What is said about bad configurations, word for word.

use super::{SMALL, said};

#[test]
fn p() {
    for extra in [
        // syntax
        "[server\nthreads = 2\n",
        "[server]\ngrace = \n",
        "threads = 1\nthreads = 2\n",
        "big = 99999999999999999999\n",
        // keys and types
        "lifetme = 3\n",
        "[server]\nthreads = \"two\"\n",
        "[server]\nthreads = 70000\n",
        "[server]\nthreads = 0\n",
        "[server]\ngrace = \"5 parsecs\"\n",
        "[server]\ngrace = -1\n",
        "[server]\ngrace = 1.5\n",
        "[server]\ngrace = 2020-01-01\n",
        "server = 3\n",
        "[limits]\nhead = \"32 KiBs\"\nvalue_depth = 0\nkey = 129\n",
        "[limits]\nhead = 12\ncookies = \"64KiB\"\n",
        "[store]\nkind = \"valkey\"\n",
        "[log]\nlevel = \"INFO\"\n",
        "[admin]\ntoken = \"hunter2hunter2\"\n",
        "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/33\", 7]\n",
        "[server]\ncrawlers = [\"x\"]\n",
        "[[listener]]\nname = \"a\"\naddress = \"0.0.0.0:80\"\n[[listener]]\nname = \"A\"\naddress = \"0.0.0.0:80\"\n",
        "[[listener]]\nname = \"a\"\n",
        // lifetimes
        "[lifetime]\ncookie_max_age = 1800\n",
        "[lifetime]\nlifetime = \"13h\"\n",
        "[lifetime]\nrefresh_before_end = 0\n",
        "[lifetime.anonymous]\nlifetime = \"31d\"\n",
        "[lifetime]\ncookie_max_age = \"never\"\n",
    ] {
        println!("### {extra:?}\n{}", said(&format!("{extra}{SMALL}")));
    }
    for extra in [
        "[account.cookies]\nsession = \"vtex_segment\"\n",
        "[account.cookies]\nsession = \"__Host-s\"\ndomain = \"example.com\"\n",
        "[account.cookies]\nsame_site = \"none\"\n[[listener]]\nname=\"x\"\naddress=\"127.0.0.1:1\"\ninsecure_cookies = true\n",
        "[account.auth_cookie]\nnames = [\"a b\"]\npath = \"x\"\ndomain=\"-\"\n",
        "[account.inputs]\nquery = [\"a=b\", \"*\"]\ncookies = [\"(\", \"vtex_.*\"]\n",
        "[account.headers.map]\ncookie = \"profile.email\"\nx-a = \"profile\"\nx_a = \"profile.id\"\n\"x y\" = false\nX-Forwarded-Foo = \"a.b\"\nx-session-id = true\nx-b = 3\n",
        "[[account.app]]\nname = \"stor\"\n[[account.app]]\nname = \"profile\"\nwhen = \"a ==\"\nmax_age = \"1h\"\n",
        "[[account.app]]\nname = \"store\"\n[[account.app]]\nname = \"second\"\nkind = \"store\"\n[[account.app]]\nname = \"store\"\n",
        "[account.cycle]\nmax_rounds = 0\ndeadline = 0\n",
        "[account.cycle]\ndeadline = \"1s\"\n",
        "[account.context]\nnamespaces = [\"cookie\"]\nlifetime = \"1s\"\n",
        "[account.api]\norigins = [\"https://a.example/x\", \"null\", \"https://ok.example:8443\"]\n",
        "[[account.route]]\npath = \"account\"\n[[account.route]]\npath = \"/a/../b\"\nsession = \"none\"\nsend_context = true\ninject = [\"x-session-chanel\"]\n",
        "[[account.route]]\npath = \"/\"\nsession = \"required\"\n",
        "[[account.upstream]]\nname = \"storefront\"\naddresses = []\n",
        "[[account.upstream]]\nname = \"other\"\naddresses = [\"nowhere\", \"a:0\", \"*.x:1\"]\nread_timeout = 0\n",
        "[[account]]\nname = \"two\"\nid = \"5b1f0c1e-8a54-4f0e-9d0b-6a2f2f6b7c11\"\nhosts = [\"SHOP.example.com.\"]\nauthentication.jwks = [\"j\"]\nupstream = [{name = \"x\", addresses = [\"a:1\"]}]\n",
        "[[account]]\nname = \"t w o\"\nid = \"7\"\nhosts = [\"a:8080\", \"*.*.x\", \"[::1]\"]\nroot_path = \"/br/\"\nlogin_page = \"//evil\"\ncarry_over = [\"*\", \"storeUser*\", \"a b\"]\nupstream = [{name = \"x\", addresses = [\"a:1\"]}]\n",
    ] {
        println!("### {extra:?}\n{}", said(&format!("{SMALL}{extra}")));
    }
    println!("### empty\n{}", said(""));
}
