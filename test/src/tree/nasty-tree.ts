import { spawnSync } from 'node:child_process'

/** What an ordinary user can make, all that is hard about it. */
export const plainScript = String.raw`
mkdir empty sub sub/deep 'with space' a
echo shared > a/first; ln a/first sub/second; ln a/first sub/deep/third
echo x > a-b; echo y > a/x; echo z > a.b
ln -s nowhere dangling; ln -s /etc/hostname absolute; ln -s ../a/first sub/relative
ln -P dangling sub/dangling-too
mkfifo pipe
printf 'not utf-8' > $'caf\xe9\xff'; mkdir $'dir\xfe'; echo in > $'dir\xfe/in'
printf 'newline' > $'two\nlines'; ln -s $'target\nwith \xff' odd-link
truncate -s 1M holes; printf data | dd of=holes bs=1 seek=300000 conv=notrunc status=none
printf head > head-only; truncate -s 5M head-only
head -c 300000 /dev/zero | tr '\0' 'q' > tail; truncate -s 4000000 tail; printf end >> tail
truncate -s 1T all-hole
: > nothing
head -c 3000000 /dev/urandom > big
touch -d '2001-02-03 04:05:06.123456789 UTC' nanos
: > before-1970
touch -h -d '1969-12-31 23:59:58.250000000 UTC' before-1970; touch -h -d '1930-01-01 UTC' dangling
setfattr -n user.colour -v blue big; setfattr -n user.empty big; setfattr -n user.long -v "$(head -c 1500 /dev/zero | tr '\0' v)" big
setfattr -n user.on-directory -v yes empty
long=$(printf 'n%.0s' {1..249}); ( for i in {1..15}; do mkdir "$long"; cd "$long"; done; echo bottom > "$long" )
chmod 1777 empty; chmod 4755 a-b; chmod 2755 sub; chmod 0400 a.b
touch -d '2010-10-10 10:10:10.5 UTC' a; touch -d '2011-11-11 UTC' .
`

/** What only root can make. */
export const rootScript = String.raw`
cp /bin/true capable; setcap cap_net_raw+ep capable
setfacl -m u:1234:rw,g:4321:r sub/deep; setfacl -d -m u:1234:rwx sub/deep
echo acl > with-acl; setfacl -m u:77:r with-acl
setfattr -n security.selinux -v system_u:object_r:bin_t:s0 a-b
setfattr -h -n security.selinux -v system_u:object_r:link_t:s0 absolute
setfattr -h -n trusted.note -v hidden dangling
mknod null c 1 3; mknod disk b 259 70000; chmod 0666 null; ln null sub/null-too
setfattr -n security.selinux -v device_t null
chown 12345:54321 a-b; chmod 6755 a-b; chown -h 4000000000:7 absolute; chown 1:2 pipe null
mkdir locked; echo secret > locked/secret; chmod 0000 locked locked/secret
touch -d '2011-11-11 UTC' .
`

/** Leaves a socket whose process is gone. */
export function makeSocket(path: string): void {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script, path])
}
