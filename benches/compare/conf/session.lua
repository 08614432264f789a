-- A session for each request, as one would write it for nginx by hand: the cookie's HMAC by
-- OpenSSL through LuaJIT's FFI, the session from a shared dictionary, its headers for the store.
local base64 = require "ngx.base64"
local cjson = require "cjson.safe"
local ffi = require "ffi"

ffi.cdef [[
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *md, const void *key, int key_length,
                    const unsigned char *text, size_t length,
                    unsigned char *out, unsigned int *out_length);
]]

local openssl = ffi.C
local sha256 = openssl.EVP_sha256()
local mac, mac_length = ffi.new("unsigned char[32]"), ffi.new("unsigned int[1]")
local key

-- In the order in which sessions hold the values.
local HEADERS = {
  "x-session-id", "x-session-authenticated", "x-session-user-id", "x-session-user-email",
  "x-session-channel", "x-session-currency", "x-session-price-tables", "x-vtex-segment",
}
-- What a request may say that its session does not know yet.
local QUERY = {"sc", "utm_source", "utm_medium", "utm_campaign", "utmi_cp", "country", "gclid"}

local M = {}

function M.load(folder)
  local file = assert(io.open(folder .. "/key"))
  key = assert(base64.decode_base64url(file:read("*l")))
  file:close()
  local sessions = ngx.shared.sessions
  for line in io.lines(folder .. "/sessions.tsv") do
    local id, session = line:match("^([^\t]+)\t(.+)$")
    assert(sessions:safe_set(id, session))
  end
end

-- The session that a cookie names, if it is signed: ID.ISSUED.MAC
local function find(cookie)
  local signed, id, given = cookie:match("^(([%w_-]+)%.%x+)%.([%w_-]+)$")
  if not signed then return nil end
  openssl.HMAC(sha256, key, #key, signed, #signed, mac, mac_length)
  if base64.decode_base64url(given) ~= ffi.string(mac, 32) then return nil end
  local session = ngx.shared.sessions:get(id)
  return session and cjson.decode(session)
end

-- A session that is told nothing new goes on as it is.
local function news(session)
  local query, said = ngx.req.get_uri_args(64), {ngx.var.cookie_VtexIdclientAutCookie_demostore or ""}
  for at, name in ipairs(QUERY) do said[at + 1] = query[name] or "" end
  return ngx.crc32_long(table.concat(said, "\n")) ~= session.said
end

function M.tell()
  local cookie = ngx.var.cookie_vtex_session
  local session = cookie and find(cookie)
  if session and news(session) then
    ngx.ctx.changed = true
  end
  for at, name in ipairs(HEADERS) do
    if session then
      ngx.req.set_header(name, session.headers[at])
    else
      ngx.req.clear_header(name)
    end
  end
end

return M
