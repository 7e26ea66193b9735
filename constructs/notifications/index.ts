/** Where alarms go, and what silences them in maintenance. */
export { MAINTENANCE } from './defaults.ts';
export { Notifications, type ExistingNotifications, type NotificationsProps, type Severity } from './notifications.ts';
