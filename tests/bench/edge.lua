-- The side of wrk: its arguments are a host, then the Hublet, target and token of each request.
local raw, count = {}, 0

function init(args)
  for at = 2, #args, 3 do
    local headers = {Host = args[1]}
    if args[at + 2] ~= "" then headers.Authorization = "Bearer " .. args[at + 2] end
    raw[#raw + 1] = wrk.format("GET", args[at + 1], headers)
  end
end

function request()
  count = count + 1
  return raw[count % #raw + 1]
end

function done(summary)
  io.write("wrong ", summary.errors.status + summary.errors.connect + summary.errors.read, "\n")
end
