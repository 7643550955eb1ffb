// Package worktime is the working time of Vietnam's public agencies: the hours
// of the day, weekends, public holidays by the solar and the lunar calendar,
// substitute days off, swapped days, Saturday reception, and from these the
// receipt and appointment times of a dossier and the working time between two
// instants.
//
// A Calendar is immutable and says what one agency's working time is as known
// at one moment. It is made from events (State), because swaps of days off are
// announced late: a promise is computed with what was known when it was made,
// and Calendar.Version is recorded with it.
//
// All instants may be given in any zone and are returned in UTC. Dates and
// clock times are those of Vietnam, UTC+7 the whole year.
package worktime
