-- For wrk: sends ready-made requests in turn. They have no bodies, so each ends where its head does.
local requests, turn = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for head in file:read("*a"):gmatch("(.-\r\n\r\n)") do
    requests[#requests + 1] = head
  end
  file:close()
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
