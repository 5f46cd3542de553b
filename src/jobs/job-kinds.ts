/** What there is to be done. A kind is a name for ever: queues outlive versions. */
export const jobKinds = ['build-pack', 'verify', 'collect-garbage', 'mirror', 'refresh-timestamp'] as const

export type JobKind = (typeof jobKinds)[number]
