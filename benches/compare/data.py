"""What all contestants are given: sessions, a key, shoppers and their requests. The same arguments make
the same bytes, but for the time in login tokens and the certificate."""

import base64
import hashlib
import hmac
import json
import random
import subprocess
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from p256 import Key

HOST = "shop.example"
LOGIN_COOKIE = "VtexIdclientAutCookie_demostore"
# What a token of a shop's login weighs, in bytes.
LOGIN_BYTES = 700
LOGIN_HOURS = 24
SHOPPERS = 4096
CAMPAIGNS = 50
HEADERS = (
    "x-session-id", "x-session-authenticated", "x-session-user-id", "x-session-user-email",
    "x-session-channel", "x-session-currency", "x-session-price-tables", "x-vtex-segment",
)  # fmt: skip
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
)
KEY = hashlib.sha256(b"the key of a comparison").digest()
ISSUED = 1_763_838_000


def text64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(text):
    return text64(hmac.new(KEY, text.encode(), hashlib.sha256).digest())


def session_id(number):
    return text64(hashlib.sha256(b"session %d" % number).digest()[:16])


def person(number):
    """E-mail and id of a shopper."""
    return f"shopper{number:07}@customers.example.com", f"{number:08x}-1d5a-4c3e-9b7f-2a6c8e0f4d13"


def segment(campaign):
    fields = {
        "campaigns": None, "channel": "1", "priceTables": "gold", "regionId": None,
        "utm_campaign": campaign, "utm_source": "google", "utmi_campaign": None, "currencyCode": "USD",
        "currencySymbol": "$", "countryCode": "USA", "cultureInfo": "en-US", "channelPrivacy": "public",
    }  # fmt: skip
    return base64.b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


SEGMENTS = [segment(f"camp{campaign}") for campaign in range(CAMPAIGNS)]


def values(number):
    """The values of the eight headers of a session."""
    email, user_id = person(number)
    return (session_id(number), "true", user_id, email, "1", "USD", "gold", SEGMENTS[number % CAMPAIGNS])


def query(campaign, number):
    """The link of a campaign: seven parameters that sessions keep, three that they do not."""
    click = text64(hashlib.md5(b"click %d" % number).digest())
    return {
        "sc": "1", "utm_source": "google", "utm_medium": "email", "utm_campaign": campaign,
        "utmi_cp": "spring", "map": "c,c", "O": "OrderByTopSaleDESC", "page": "3", "country": "USA",
        "gclid": click,
    }  # fmt: skip


def session(number, said):
    """A session of 25 values as a line of JSON, with the headers that follow from them. `said` is what
    the request that made it said, as one number."""
    headers = values(number)
    listed = '","'.join(headers)
    email, user_id = headers[3], headers[2]
    return (
        f'{{"headers":["{listed}"],"said":{said},"account.accountName":"demostore",'
        f'"authentication.storeUserId":"{user_id}","authentication.storeUserEmail":"{email}",'
        f'"profile.isAuthenticated":"true","profile.id":"{user_id}","profile.email":"{email}",'
        f'"profile.firstName":"Shopper","profile.lastName":"Number {number}","profile.priceTables":"gold",'
        f'"store.channel":"1","store.countryCode":"USA","store.cultureInfo":"en-US",'
        f'"store.currencyCode":"USD","store.currencySymbol":"$","store.channelPrivacy":"public",'
        f'"public.utm_source":"google","public.utm_medium":"email",'
        f'"public.utm_campaign":"camp{number % CAMPAIGNS}","public.utmi_cp":"spring","public.sc":"1",'
        f'"public.country":"USA","public.gclid":"{number:022}","checkout.orderFormId":"{number:032x}",'
        f'"checkout.regionId":"","rnb.campaigns":"","cookie.login":"{number:032x}"}}'
    )


@dataclass
class Shopper:
    number: int
    target: str
    # Cookies but for the login, the session and what the contestant makes of it.
    others: str
    query: dict
    login: str = ""

    def head(self, cookies):
        return f"GET {self.target} HTTP/1.1\r\nHost: {HOST}\r\n{BROWSER}Cookie: {cookies}\r\n\r\n"

    def cookies(self, *more):
        return "; ".join([f"{LOGIN_COOKIE}={self.login}", self.others, *more])

    def said(self):
        kept = ("sc", "utm_source", "utm_medium", "utm_campaign", "utmi_cp", "country", "gclid")
        return zlib.crc32("\n".join([self.login, *(self.query[name] for name in kept)]).encode())

    def token(self):
        """ID.ISSUED.MAC"""
        signed = f"{session_id(self.number)}.{ISSUED:08x}"
        return f"{signed}.{sign(signed)}"

    def jwt(self):
        """The session as a signed token that holds all of it, for whoever has no store."""
        claims = {"exp": 4_102_444_800, **dict(zip(HEADERS, values(self.number)))}
        parts = ({"alg": "HS256", "kid": "shop", "typ": "JWT"}, claims)
        signed = ".".join(text64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        return f"{signed}.{sign(signed)}"


def shopper(number, dice):
    def bits(count):
        return text64(dice.randbytes(count))

    others = "; ".join([
        f"_ga=GA1.2.{dice.randrange(10**8, 10**9)}.1763{dice.randrange(10**5, 10**6)}",
        f"_gid=GA1.2.{dice.randrange(10**8, 10**9)}.1763{dice.randrange(10**5, 10**6)}",
        f"_fbp=fb.1.1763838{dice.randrange(10**5, 10**6)}.{dice.randrange(10**8, 10**9)}",
        f"checkout.vtex.com=__ofid={dice.randbytes(16).hex()}",
        "OptanonConsent=isGpcEnabled=0&datestamp=Sun+Nov+22+2026&version=202405",
        f"vtex_binding_address={HOST}/",
        "locale=en-US",
        f"biggy-anonymous={bits(16)}",
        f"biggy-session={bits(9)}",
    ])  # fmt: skip
    said = query(f"camp{number % CAMPAIGNS}", number)
    target = f"/catalog/{number % 200}/shoes-{number % 977}/p?" + "&".join(f"{k}={v}" for k, v in said.items())
    return Shopper(number, target, others, said)


class Logins:
    """The shop's login: signs tokens with a key of its own (ES256), as the platform does."""

    def __init__(self, now):
        self.key, self.kid, self.now = Key(b"the login's key"), hashlib.sha256(b"its id").hexdigest()[:32], now

    def public_keys(self):
        x, y = (text64(number.to_bytes(32, "big")) for number in self.key.public)
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y}
        return json.dumps({"keys": [key]})

    def token(self, number):
        signed = self.claim(number)
        return f"{signed}.{text64(self.key.sign(signed.encode()))}"

    def claim(self, number):
        email, user_id = person(number)
        claims = {
            "sub": email, "account": "demostore", "audience": "webstore", "sess": user_id[::-1],
            "exp": self.now + LOGIN_HOURS * 3600, "type": "user", "userId": user_id, "iat": self.now,
            "isRepresentative": False, "iss": "token-emitter", "jti": user_id[::-1], "device": "",
        }  # fmt: skip
        header = {"alg": "ES256", "kid": self.kid, "typ": "jwt"}
        # 87 bytes are the signature's; three bytes of text are four of the token.
        missing = LOGIN_BYTES - 87 - len(self.unsigned(header, claims))
        return self.unsigned(header, claims | {"device": "x" * (missing * 3 // 4)})

    @staticmethod
    def unsigned(*parts):
        return ".".join(text64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)


def openssl(folder, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, timeout=60)
    if done.returncode:
        raise SystemExit(f"openssl {arguments[0]} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Data:
    """The files, in one folder."""

    def __init__(self, folder, sessions):
        self.folder = Path(folder)
        self.sessions = sessions
        count = min(SHOPPERS, sessions)
        dice = random.Random(20261126)
        apart = sessions // count
        # At even distances among all sessions, as they are made in the proxy.
        self.shoppers = [shopper(number * apart, dice) for number in range(count)]

    def file(self, name):
        return self.folder / name

    def write(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        logins = Logins(int(time.time()))
        self.file("login-keys.json").write_text(logins.public_keys())
        for one in self.shoppers:
            one.login = logins.token(one.number)
        self.file("key").write_text(text64(KEY) + "\n")
        keys = {"keys": [{"kty": "oct", "alg": "HS256", "kid": "shop", "k": text64(KEY)}]}
        self.file("jwks.json").write_text(json.dumps(keys))
        self._write_sessions()
        self._write_requests()
        self._write_directory()
        self._write_certificate()

    def _write_sessions(self):
        said = {one.number: one.said() for one in self.shoppers}
        with open(self.file("sessions.tsv"), "w") as lines, open(self.file("sessions.map"), "w") as values_only:
            for number in range(self.sessions):
                lines.write(f"{session_id(number)}\t{session(number, said.get(number, 0))}\n")
                values_only.write(f"{session_id(number)} {'|'.join(values(number))}\n")

    def _write_requests(self):
        plain, stateless, first = [], [], []
        for one in self.shoppers:
            seen = f"vtex_segment={SEGMENTS[one.number % CAMPAIGNS]}"
            plain.append(one.head(one.cookies(f"vtex_session={one.token()}", seen)))
            stateless.append(one.head(one.cookies(f"shop_jwt={one.jwt()}", seen)))
            first.append(one.head(one.cookies()))
        self.file("requests").write_text("".join(plain), newline="")
        self.file("requests-jwt").write_text("".join(stateless), newline="")
        self.file("shoppers").write_text("".join(first), newline="")
        # A visitor is anonymous, and comes by a campaign that is nobody else's.
        one = self.shoppers[0]
        visitor = Shopper(0, one.target.replace("utm_campaign=camp0", "utm_campaign=camp{number}"), one.others, {})
        self.file("visitor").write_text(visitor.head(visitor.others), newline="")

    def _write_directory(self):
        entries = ['default_channel = "1"\n\n[[channel]]\nid = "1"\ncountry = "USA"\ncurrency = "USD"\n'
                   'currency_symbol = "$"\ncultures = ["en-US"]\n']  # fmt: skip
        for one in self.shoppers:
            email, user_id = person(one.number)
            entries.append(
                f'\n[[customer]]\nid = "{user_id}"\nemail = "{email}"\nfirst_name = "Shopper"\n'
                f'last_name = "Number {one.number}"\nprice_tables = ["gold"]\nchannels = ["1"]\n'
            )
        self.file("directory.toml").write_text("".join(entries))

    def _write_certificate(self):
        folder = self.folder
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl(folder, "req", "-x509", *key, "-days", "2", "-subj", "/CN=comparison", "-keyout", "ca.key", "-out", "ca.pem")
        openssl(folder, "req", *key, "-subj", f"/CN={HOST}", "-keyout", "shop.key", "-out", "shop.csr")
        self.file("extensions").write_text(f"subjectAltName=DNS:{HOST}\nbasicConstraints=CA:FALSE\n")
        openssl(folder, "x509", "-req", "-in", "shop.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "extensions", "-out", "shop.pem")  # fmt: skip
