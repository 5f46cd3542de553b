// Plain JavaScript that any Node.js since 12 can parse: it must be able to say why nothing else here runs.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `vend needs Node.js 24.15 or newer, and this is ${process.versions.node}: install one, or run "npm ci" on ` +
      `Linux x64 or arm64 without --omit=optional, which brings its own.\n`,
  )
  process.exit(1)
}
