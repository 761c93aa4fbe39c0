# What Rack and Rails read from a request.
require 'json'
require 'rack'
begin
  require 'action_dispatch'
rescue LoadError
end

def attempt
  yield
rescue StandardError
  {}
end

def pairs(place, all) = (all || {}).map { |name, value| [place, name.to_s, value] }

def plain(value)
  case value
  when Hash then value.to_h { |key, inner| [plain(key.to_s), plain(inner)] }.then { |it| it[:tempfile] ? it : it }
  when Array then value.map { |inner| plain(inner) }
  when String then value.dup.force_encoding('UTF-8').scrub
  else value.respond_to?(:read) ? plain(value.tap(&:rewind).read) : value
  end
end

run(lambda do |env|
  env['rack.input'] ||= StringIO.new
  request = Rack::Request.new(env)
  body = request.body.read.to_s
  request.body.rewind
  read = [['path', '', attempt { Rack::Utils.unescape_path(request.path) }]]
  read += pairs('query', attempt { request.GET }) + pairs('form', attempt { request.POST })
  read += pairs('cookie', attempt { request.cookies })
  read << ['json', '', attempt { JSON.parse(body) }]
  if defined?(ActionDispatch)
    rails = ActionDispatch::Request.new(env.dup)
    request.body.rewind
    read += pairs('query', attempt { rails.query_parameters })
    request.body.rewind
    rails_type = env['CONTENT_TYPE'].to_s
    read += pairs(rails_type.match?(/json/i) ? 'json' : 'form', attempt { rails.request_parameters })
  end
  basic = Rack::Auth::Basic::Request.new(env)
  read << ['header', 'authorization', attempt { basic.credentials }] if attempt { basic.provided? && basic.basic? } == true
  env.each { |name, value| read << ['header', name.delete_prefix('HTTP_').downcase.tr('_', '-'), value] if name.start_with?('HTTP_') }
  [200, { 'content-type' => 'application/json' }, [JSON.generate(plain(read))]]
end)
