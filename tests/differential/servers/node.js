// What node's own modules read from a request; with Express if that is installed.
const http = require('node:http'), querystring = require('node:querystring')

const pairs = (place, all) => Object.entries(all ?? {}).map(([name, value]) => [place, name, value])
const attempt = read => { try { return read() } catch { return undefined } }

function plain(request, response) {
  const chunks = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString()
    const url = attempt(() => new URL(request.url, 'http://api.hubapi.com'))
    response.end(JSON.stringify([
      ['path', '', attempt(() => decodeURIComponent(url.pathname))],
      ...[...(url?.searchParams ?? [])].map(([name, value]) => ['query', name, value]),
      ...pairs('query', querystring.parse(request.url.split('?')[1])),
      ...pairs('form', querystring.parse(body)),
      ...[...new URLSearchParams(body)].map(([name, value]) => ['form', name, value]),
      ['json', '', attempt(() => JSON.parse(body))],
      ...pairs('header', request.headers),
    ]))
  })
}

function express() {
  const express = require('express'), app = express()
  app.set('query parser', 'extended')
  app.use(require('cookie-parser')('secret'))
  app.use(express.urlencoded({ extended: true }))
  app.use(express.json({ type: ['json', '+json'], strict: false }))
  app.use((request, response) => response.json([
    ['path', '', attempt(() => decodeURIComponent(request.path))],
    ...pairs('query', request.query),
    ...pairs(typeof request.headers['content-type'] === 'string' && /json/i.test(request.headers['content-type']) ? 'json' : 'form',
      typeof request.body === 'object' ? request.body : { '': request.body }),
    ...pairs('cookie', request.cookies), ...pairs('cookie', request.signedCookies),
    ...pairs('header', request.headers),
  ]))
  app.use((error, request, response, next) => response.status(400).json([]))
  return app
}

const server = http.createServer(process.argv[2] === 'express' ? express() : plain)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
