"""A depot: the repository from which tests build data sets, with a history and some undocumented functions."""

import os
from pathlib import Path
from textwrap import dedent

from tests.support.git import IDENTITY, commit, git, make_repository, unindented

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
MESSAGE = "Refuse parcels that are heavier than a courier may lift"
FILES = {
    "depot/parcels.py": '''
        from depot.errors import ParcelError
        from depot.scales import read_weight, round_weight

        HEAVIEST_PARCEL = 31_500


        def weigh_parcel(parcel, scale):
            grams = read_weight(scale, parcel.slot)
            # A scale that was moved shows less than nothing until somebody sets it to zero again.
            if grams < 0:
                raise ParcelError(parcel.code)
            rounded = round_weight(grams)
            if rounded == 0:
                return scale.smallest_step
            parcel.history.append_weight(rounded)
            return rounded + parcel.packaging_weight


        def label_parcel(parcel, printer):
            """Prints the address of a parcel on the label printer of its hall.

            The printer has to be loaded.
            """
            if printer.is_empty():
                raise ParcelError("no labels")
            lines = format_address(parcel.address)
            return printer.print_lines(lines)


        def format_address(address):
            lines = []
            for part in address.split_parts():
                lines.append(clean_line(part))
            if address.country_code != "DE":
                return lines + [address.country_name]
            return lines


        def clean_line(text):
            return text.strip().upper()


        def collect_waiting_parcels(hall):
            waiting = list_shelves(hall)
            if hall.is_closed:
                return hall.night_box
            for shelf in waiting:
                count_parcels(shelf)
            return sort_by_age(waiting)
    ''',
    "depot/scales.py": """
        from depot.errors import ScaleError

        SMALLEST_STEP = 5


        def read_weight(scale, slot):
            if slot not in scale.open_slots:
                raise ScaleError(slot)
            raw = scale.poll_sensor(slot)
            corrected = apply_calibration(raw, scale.calibration)
            if corrected > scale.highest:
                notify_overload(scale)
            return corrected - scale.tare_of(slot)


        def apply_calibration(raw, calibration):
            total = raw
            for factor in calibration.linear_factors:
                total = scale_by(total, factor)
            if calibration.is_expired():
                warn_once(calibration.serial_number)
            return total


        def round_weight(grams):
            steps = count_steps(grams, SMALLEST_STEP)
            if steps % 2 == 1:
                return (steps + 1) * SMALLEST_STEP
            remember_rounding(grams, steps)
            return steps * SMALLEST_STEP
    """,
    "depot/routes.py": """
        from depot.errors import RouteError


        class RoutePlanner:
            longest_detour = 12

            def plan_route(self, stops, start):
                if not stops:
                    return [start.depot_address]
                ordered = self.order_stops(stops, start)
                if self.detour_of(ordered) > self.longest_detour:
                    raise RouteError(start)
                for stop in ordered:
                    self.reserve_window(stop, start.departure)
                return self.close_loop(ordered)

            def order_stops(self, stops, start):
                nearest = sort_by_distance(stops, start)
                swapped = improve_by_swaps(nearest, self.longest_detour)
                if len(swapped) < len(stops):
                    raise RouteError("lost a stop")
                return merge_neighbours(swapped)

            def reserve_window(self, stop, departure):
                window = find_window(stop, departure)
                if window is None:
                    self.ask_customer(stop)
                    return None
                return window.reserve_for(stop)
    """,
    "depot/couriers.py": """
        from depot.errors import CourierError


        def assign_courier(tour, couriers):
            rested = drop_tired(couriers, tour.departure)
            if not rested:
                raise CourierError(tour)
            strongest = sort_by_strength(rested)
            if tour.has_fragile_parcels():
                return pick_careful(strongest)
            notify_courier(strongest[0], tour)
            return strongest[0].badge_number


        def pay_overtime(courier, hours):
            if hours <= courier.contract_hours:
                return courier.base_wage
            extra = rate_overtime(hours - courier.contract_hours)
            record_payment(courier, extra)
            if courier.works_at_night:
                return extra * courier.night_factor
            return courier.base_wage + extra
    """,
    "depot/customs.py": """
        from depot.errors import CustomsError


        def declare_goods(parcel, office):
            form = fill_form(parcel, office.form_number)
            if parcel.value > office.duty_free_limit:
                form = attach_invoice(form, parcel.receipt)
            if form.is_incomplete():
                raise CustomsError(form)
            sent = office.send_form(form)
            return sent.tracking_number


        def hold_parcel(parcel, reason):
            if reason in parcel.released_reasons:
                return parcel.shelf_number
            shelf = find_shelf(parcel.size_class)
            if shelf is None:
                raise CustomsError("no shelf")
            lock_shelf(shelf)
            return shelf.shelf_number
    """,
    "depot/returns.py": """
        from depot.errors import ReturnError


        def accept_return(parcel, clerk):
            if parcel.days_since_delivery > 14:
                raise ReturnError(parcel)
            photo = take_photo(parcel, clerk.camera_name)
            damage = rate_damage(photo)
            if damage.is_total():
                return write_off(parcel, damage)
            restock_parcel(parcel)
            return damage.repair_cost


        def resend_parcel(parcel, planner):
            fresh = copy_label(parcel)
            if fresh.address == parcel.address:
                raise ReturnError("same address")
            planner.plan_route([fresh], parcel.depot)
            return fresh.tracking_number
    """,
    "depot/storage.ts": """
        export function storeParcel(parcel: Parcel, shelves: Shelf[]): number {
          const free = findFreeShelf(shelves, parcel.sizeClass);
          if (free === undefined) {
            throw new StorageError(parcel.code);
          }
          for (const neighbour of free.neighbours) {
            warnNeighbour(neighbour, parcel);
          }
          if (parcel.isFrozen) {
            return free.coldNumber;
          }
          markOccupied(free, parcel);
          return free.shelfNumber;
        }
    """,
    "depot/errors.py": """
        class ParcelError(Exception):
            pass
    """,
    "docs/depot.md": """
        # The depot

        Parcels are weighed, labelled and sorted by tour.
    """,
}
CHANGED = """
    def check_weight(parcel, courier):
        limit = lookup_limit(courier.age_group)
        if parcel.grams > limit:
            raise ParcelError(parcel.code)
        return split_load(parcel, limit)
"""


def make_depot(root: Path) -> Path:
    """Create the repository: a first commit with all files, then two changes, one with a secret in its message."""
    files = unindented(FILES)
    make_repository(root, files)
    parcels = files["depot/parcels.py"] + "\n" + dedent(CHANGED)
    _change(root, {"depot/parcels.py": parcels}, f"fix(parcels): {MESSAGE} (#41)")
    scales = files["depot/scales.py"].replace("is_expired()", "is_expired(now())")
    _change(root, {"depot/scales.py": scales}, f"Warn about expired scales with {TOKEN} once")
    return root


def _change(root: Path, files: dict[str, str], message: str) -> None:
    commit(root, files)
    git(root, "commit", "--quiet", "--amend", f"--message={message}")


def environment() -> dict[str, str]:
    """Return an environment in which git commits under a neutral identity."""
    return {**os.environ, **IDENTITY}
